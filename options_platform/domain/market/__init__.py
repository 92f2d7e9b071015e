"""Bars, volatility indices and corporate actions: cleaning, revisions, quarantine and coverage."""
