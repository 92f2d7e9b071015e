"""Whether a model may still be traded on: alarms, drift, broken inputs."""
