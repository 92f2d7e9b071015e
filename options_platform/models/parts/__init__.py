"""Parts that models are blended from: regressions, logits and trees, fitted on a fold."""
