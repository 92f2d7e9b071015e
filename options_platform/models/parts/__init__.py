"""Parts from which models are blended: regressions, logits, trees and an LSTM, fitted per fold.

Which blends compete is decided in `models/selection/`.
"""
