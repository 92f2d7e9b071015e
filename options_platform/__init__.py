"""An open data platform for trading options with machine learning."""

__version__ = "0.1.0"
