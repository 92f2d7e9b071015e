"""Parts from which models are blended: regressions, logits and trees, fitted per fold.

Which blends compete is decided in `models/selection/`.
"""
