"""Which model is used: candidates, their trials, the parameter search, and the weight of inputs."""
