"""Models of direction and IV rank: training, evaluation, selection and monitoring.

A model maps rows of features to predictions. Computing features and labels belongs to
`domain/feature_engine/`, storing fitted models to `adapters/tracking/`.
"""
