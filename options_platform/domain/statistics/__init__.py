"""Statistics of equity curves and predictions: ratios, bootstrap, paired test, overfitting.

Arrays in, numbers out; nothing here knows plans, orders or models.
"""
