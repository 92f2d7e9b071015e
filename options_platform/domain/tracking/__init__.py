"""A running account beside what its backtest lets one expect: is it still the same strategy?"""
