"""From bars and indices to features, labels and regimes, by the declarations of `domain/features/`.

A new feature is a declaration there; what it is computed with is here.
"""
