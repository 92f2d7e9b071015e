"""The size of the move on an earnings report: gamma regression, naive forecasts, gate and scores.

A report is a row, so none of this shares the daily samples of the other models: the regression and
its inputs (`gamma`), what a month knows of past reports (`folds`), which months are stored
(`walk`), and how forecasts are scored (`scores`). The direction of the move is not modelled.
"""
