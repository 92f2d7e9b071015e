"""Study of the models after a backfill: scores, importance, trials and overfitting.

Single scores belong to `models/evaluation/`; choosing a model to `models/selection/`.
"""
