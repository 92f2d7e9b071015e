"""Models of direction and volatility: training, evaluation, selection and monitoring.

A model sees rows of features and predicts; storing it belongs to `adapters/tracking/`.
"""
