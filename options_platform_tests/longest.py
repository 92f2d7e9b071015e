"""The test files that take longest, the longest first.

Workers take whole files in this order, so that none is left alone with a long one at the end.
"""

LONGEST = (
    "defs/test_daily_job_equals_backtest.py",
    "faults/sequences/test_random_sequences.py",
    "faults/sequences/test_more_random_sequences.py",
    "defs/test_look_ahead.py",
    "test_wheel.py",
    "faults/storage/test_disk_full.py",
    "domain/backtest_study/test_zero_edge.py",
    "defs/market_data/test_absent_tickers.py",
    "defs/test_web_ui.py",
    "services/trading/test_backtest_equals_alpaca.py",
    "faults/storage/test_canary_secrets.py",
    "defs/market_data/test_real_market.py",
    "adapters/tracking/test_model_store.py",
    "commands/test_cli.py",
    "adapters/storage/backups/test_swapping.py",
    "faults/storage/test_eight_processes_fetch_at_once.py",
    "commands/test_trading.py",
    "adapters/storage/backups/test_soundness.py",
    "commands/backtests/test_backtest.py",
    "models/test_promotion.py",
)
