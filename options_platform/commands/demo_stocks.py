"""`demo --stocks`: eight simulated tickers through an earnings season, from calendar to crush.

The market is simulated, so that all of it runs without network: dates that move, jumps, and options
that price a report in the expiries that know it. Nothing that it earns or loses says anything.
"""

from __future__ import annotations

import os
import shlex
import time
from datetime import UTC, date, datetime
from pathlib import Path

from options_platform.commands.common import ConsoleProgress, enter_settings, say
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.errors import UsageError
from options_platform.formats import count
from options_platform.settings import Settings, load_settings

FIRST, LAST = date(2024, 7, 1), date(2024, 8, 7)
"""The season: the sessions that are planned and replayed, the last one as every night."""
FILE_NAME = "options.toml"
SETTINGS = f"""# The home of `options-platform demo --stocks`: a simulated market, nothing real.
source = "simulated"
home = "."
tickers = ["SPY", "HD", "META", "NKE", "NVDA", "PFE", "TXN", "WMT"]
start = 2020-09-01
end = {LAST}
account_value_usd = 1000000
baselines = []

[plan.selection]
strategy = "iron_condor"   # wanted in each session, so that refusals are of the blackout alone

[earnings]
event_premium = 1.2        # as dear as the simulated market's reports

[earnings_trades]
enabled = true
sell_from = 1.1
"""
HISTORY = ("raw_ohlcv", "earnings", "vix", "features", "labels")
CHAINS = ("option_chain", "iv_history")
SEASON = (
    "earnings_features", "cross_features", "earnings_events", "earnings_forecast",
    "direction_model", "volatility_model", "regime", "trade_plan",
)  # fmt: skip


def demo_stocks() -> int:
    """Compute a short history, plan and replay an earnings season, and print what became of it.

    The home is `.options-stocks`, or that of `OPTIONS_HOME`. It holds its own `options.toml`, and
    no other settings count.
    """
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.commands.demo_season import show_season
    from options_platform.common import PartitionRange
    from options_platform.reporting.report import report_path
    from options_platform.runs import run_job, run_reporting
    from options_platform.services.trading.replay import replay
    from options_platform.services.trading.report_season import chain_sessions, season_of

    began = time.monotonic()
    settings = enter_settings(load_settings(_home(), {}))
    progress, tickers = ConsoleProgress(), settings.tickers
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    days = sessions(FIRST, LAST)
    say(f"1. Home {settings.home}: a simulated market, {', '.join(tickers)}")

    history = PartitionRange(settings.start, shift(LAST, -1), tickers)
    many = count(len(sessions(history.start, history.end)), "session")
    say(f"2. History of {many} from {history.start}: bars, dates of reports, volatility, features")
    run_job(settings, history, assets=HISTORY, progress=progress, backfill=True)

    say(f"3. The season from {FIRST}: option chains around each report, forecasts, models, plans")
    for ticker, first, last in chain_sessions(settings, warehouse, days[:-1]):
        run_job(settings, PartitionRange(first, last, (ticker,)), assets=CHAINS, backfill=True)
    season = PartitionRange(FIRST, shift(LAST, -1), tickers)
    run_job(settings, season, assets=SEASON, progress=progress, backfill=True)

    say(f"4. The newest session, {LAST}, as the nightly schedule runs it")
    run_job(settings, PartitionRange(LAST, LAST, tickers), progress=progress)

    say(f"5. Replay of the season's {count(len(days), 'session')} into a paper ledger of their own")
    ledger = replay(settings, warehouse, days, datetime.now(UTC), progress)

    say("6. SQL marts and the report")
    run_reporting(settings)
    say()
    show_season(season_of(settings, warehouse, ledger, days))
    say()
    _show_next(settings, report_path(settings), time.monotonic() - began)
    return 0


def _home() -> Path:
    """The folder of this demo, with its settings.

    Raises :class:`UsageError` for a folder that holds something else.
    """
    home = Path(os.environ.get("OPTIONS_HOME") or ".options-stocks").absolute()
    file = home / FILE_NAME
    if home.is_dir() and any(home.iterdir()) and not _is_ours(file):
        raise UsageError(
            f"{home} holds something else than the demo of stocks; name a new folder: "
            "OPTIONS_HOME=FOLDER options-platform demo --stocks"
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(SETTINGS, encoding="utf-8")
    return home


def _is_ours(file: Path) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8").startswith(SETTINGS.splitlines()[0])


def _show_next(settings: Settings, report: Path, seconds: float) -> None:
    """Where the report is, and the next commands, which read the settings of the folder."""
    from options_platform.commands.demo_summary import activation

    say(f"Done in {seconds:.0f} s. Open the report: {report}", "bold")
    at_the_start = f"options-platform earnings --as-of {FIRST}T20:00Z"
    steps = [
        *activation(),
        f"cd {shlex.quote(str(settings.home))}",
        at_the_start,
        "options-platform positions --replay",
        "options-platform ui",
    ]
    for number, step in enumerate(steps):
        say(f"{'      ' if number else 'Next: '}{step}")
