"""MLflow: stored models, the registry of champions, and the trials that were scored."""
