"""What a backtest is judged by: variants, baselines, draws, scorecards and luck.

One run through the past belongs to `domain/backtest/`.
"""
