"""What an entry depends on beside the strategy matrix: the day, votes of features, and the forecast
volatility that its size aims at."""
