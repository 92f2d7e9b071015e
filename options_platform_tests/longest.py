"""The test files that take longest, the longest first.

Workers take whole files in this order, so that none is left alone with a long one at the end.
"""

LONGEST = (
    "faults/sequences/test_random_sequences.py",
    "faults/sequences/test_more_random_sequences.py",
    "test_wheel.py",
    "defs/market_data/test_absent_tickers.py",
    "services/trading/test_backtest_equals_alpaca.py",
    "faults/storage/test_canary_secrets.py",
    "defs/market_data/test_real_market.py",
    "defs/test_web_ui.py",
    "commands/test_trading.py",
    "commands/test_cli.py",
    "defs/test_look_ahead.py",
    "domain/backtest_study/test_zero_edge.py",
    "defs/test_daily_job_equals_backtest.py",
    "adapters/storage/backups/test_swapping.py",
    "faults/storage/test_disk_full.py",
    "faults/storage/test_eight_processes_fetch_at_once.py",
    "faults/positions/test_odd_lots.py",
    "adapters/tracking/test_model_store.py",
    "faults/positions/test_lost_legs.py",
    "faults/positions/test_activities_late.py",
    "adapters/storage/backups/test_soundness.py",
    "commands/backtests/test_backtest.py",
    "models/test_promotion.py",
)
