"""Statistics of curves and predictions: ratios, bootstraps, paired tests, overfitting."""
