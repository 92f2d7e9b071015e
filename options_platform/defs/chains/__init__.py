"""The assets `option_chain` and `iv_history`, their checks, and the evening's snapshot."""
