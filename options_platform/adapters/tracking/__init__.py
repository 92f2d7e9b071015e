"""MLflow: stored models, the registry of champions, and the log of scored trials.

Training, scoring and the rules of promotion belong to `models`.
"""
