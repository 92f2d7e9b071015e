"""The arguments of every command, with their help texts; importing this loads only argparse."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime

from options_platform import __version__
from options_platform.commands.terminal.parser import Parser

HOME_HELP = "folder of all state, over OPTIONS_HOME and options.toml (default: .options)"

AddCommand = Callable[[str, str], Parser]
"""Adds a command by its name and help text, and returns its parser."""


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog="options-platform",
        description="A data platform for trading options with machine learning.",
        epilog="Settings come from options.toml and OPTIONS_* variables; see the README.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--home", dest="home_first", metavar="FOLDER", help=HOME_HELP)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    commands.required = True

    def add(name: str, text: str) -> Parser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--home", metavar="FOLDER", help=HOME_HELP)
        return sub

    def reading(name: str, text: str) -> Parser:
        sub = add(name, text)
        sub.add_argument("--json", action="store_true", help="print JSON for programs")
        return sub

    # `--help` lists the commands in this order.
    _add_runs(add)
    _add_results(reading)
    _add_model_commands(reading)
    _add_backtest(reading)
    _add_market(add, reading)
    _add_trading(reading)
    _add_go_live(reading)
    _add_alerts(reading)
    _add_rehearse(reading)
    _add_fake_alpaca(reading)
    _add_care(add, reading)
    _add_ui(add)
    _add_setup(add, reading)
    return parser


STRICT = "refuse a stock that is priced on an index of the market, such as the VIX"


def _add_runs(add: AddCommand) -> None:
    demo = add("demo", "run the whole platform on the bundled sample data, then show a report")
    demo.add_argument("--sessions", type=int, default=126, help="sessions to replay (default: 126)")
    demo.add_argument(
        "--stocks", action="store_true",
        help="an earnings season of simulated stocks, in a home of its own",
    )  # fmt: skip
    backfill = add("backfill", "compute a range of sessions, from raw bars to trade plans")
    backfill.add_argument("--start", type=_date, help="first session (default: setting start)")
    backfill.add_argument("--end", type=_date, help="last session (default: the newest)")
    backfill.add_argument("--tickers", type=_names, help="tickers, universes (default: all)")
    backfill.add_argument("--select", type=_names, help="assets, e.g. raw_ohlcv,vix (default: all)")
    backfill.add_argument(
        "--rebuild", type=_names, help="computed tables to drop first, e.g. features"
    )
    backfill.add_argument("--strict", action="store_true", help=STRICT)
    daily = add("daily", "compute one session for all tickers and send its orders")
    daily.add_argument("--date", type=_date, help="the session (default: the newest)")
    daily.add_argument("--strict", action="store_true", help=STRICT)
    adding = add("add", "add tickers to the settings, after saying what that does, and backfill")
    adding.add_argument("tickers", nargs="+", metavar="TICKER", help="ticker or universe")
    adding.add_argument("--yes", action="store_true", help="do not ask")


def _add_results(reading: AddCommand) -> None:
    status = reading("status", "say how the account is, what was decided, and what to do next")
    status.add_argument("--tables", action="store_true", help="list the stored tables too")
    reading("report", "write the HTML report and print its path")
    orders = reading("orders", "list the orders in the ledger")
    positions = reading(
        "positions", "list the open positions in the ledger, or show the plan of one"
    )
    positions.add_argument(
        "id", nargs="?", metavar="ID", help="the beginning of its id (default: list all)"
    )
    record = reading(
        "record", "show how paper trading did, and what each rule set's recorded plans brought"
    )
    record.add_argument("--csv", metavar="FILE", help="write the trade journal")
    record.add_argument(
        "--verify", action="store_true", help="check that no link of the forward record was altered"
    )
    record.add_argument(
        "--head", metavar="HASH", help="with --verify: a head that left the machine must be in it"
    )
    record.add_argument("--at", type=int, metavar="NUMBER", help="the link of that --head")
    for sub in (orders, positions, record):
        sub.add_argument("--replay", action="store_true", help="read the demo's replay ledger")
    feasible = reading("feasibility", "show how much money each strategy needs in the account")
    feasible.add_argument(
        "--sessions", type=int, default=252, help="newest sessions to plan (default: 252)"
    )
    feasible.add_argument("--rule-set", metavar="NAME", help="of this set (default: that trades)")
    export = reading("features-export", "write the features to Parquet with their version")
    export.add_argument(
        "--to", help="file to write (default: exports/features.parquet in the home)"
    )


def _add_model_commands(reading: AddCommand) -> None:
    models = reading("models", "list each target's champion and challengers, promote or roll back")
    models.add_argument("action", choices=("list", "promote", "rollback"))
    models.add_argument("name", nargs="?", help="candidate to promote")
    models.add_argument("--target", choices=("direction", "iv_rank"))
    research = reading("research", "compare the candidates of the models, recording each trial")
    research.add_argument("--target", choices=("direction", "iv_rank"), help="default: both")
    research.add_argument("--models", type=_names, help="candidates, e.g. logit,trees")
    research.add_argument(
        "--confidence", action="store_true",
        help="compare levels at which a call counts as confident, by calibration",
    )  # fmt: skip
    research.add_argument("--start", type=_date, help="first session to predict")
    research.add_argument("--end", type=_date, help="last session to predict, up to 2020")
    research.add_argument(
        "--final", action="store_true", help="score the chosen candidate on 2021 and later, once"
    )
    research.add_argument(
        "--again", action="store_true", help="with --final: score those years once more"
    )
    search = reading("search", "search the models' parameters, nested in time")
    search.add_argument("--target", choices=("direction", "iv_rank"), required=True)
    search.add_argument("--trials", type=int, default=30, help="trials per year (default: 30)")
    search.add_argument("--years", type=int, default=3, help="outer years to score (default: 3)")
    search.add_argument("--start", type=_date, help="first session to predict")


def _add_backtest(reading: AddCommand) -> None:
    backtest = reading("backtest", "backtest the stored predictions beside their baselines")
    backtest.add_argument("--start", type=_date, help="first session (default: first prediction)")
    backtest.add_argument("--end", type=_date, help="last session (default: last prediction)")
    backtest.add_argument("--tickers", type=_names, help="tickers, universes (default: all)")
    backtest.add_argument("--strict", action="store_true", help=STRICT)
    backtest.add_argument("--fill", help="fill model: mid, default or worst (default: as set)")
    backtest.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        help="settings for this run alone, e.g. exits=none iron_condor_enabled=true",
    )  # fmt: skip
    backtest.add_argument(
        "--vary", nargs="+", action="extend", default=[], metavar="NAME=VALUES",
        help="every combination of settings, e.g. exits.credit_stop=1.5,2 exits.exit_dte=14,21",
    )  # fmt: skip
    backtest.add_argument(
        "--optuna", type=int, metavar="N",
        help="search N variants; --vary then takes ranges too, e.g. exits.credit_stop=1..3",
    )  # fmt: skip
    backtest.add_argument(
        "--rule-sets", type=_names, metavar="NAMES",
        help="rule sets side by side, e.g. plan,premium_ladder; the first is what the others are "
        "compared with",
    )  # fmt: skip
    backtest.add_argument(
        "--refusals", action="store_true",
        help="only what each refusal saved or cost, without the baselines",
    )  # fmt: skip
    backtest.add_argument("--workers", type=int, help="processes (default: setting workers)")
    study = reading("study", "backtest the hypotheses of a file: chosen early, checked later")
    study.add_argument("name", help="name of a study, e.g. premium_ladder, or a file FILE.toml")
    study.add_argument("--workers", type=int, help="processes (default: setting workers)")


def _add_market(add: AddCommand, reading: AddCommand) -> None:
    quarantine = add("quarantine", "list, accept or reject the rows that were set aside")
    quarantine.add_argument(
        "action", nargs="?", choices=("list", "accept", "reject"), default="list"
    )
    quarantine.add_argument("ticker", nargs="?", help="ticker, or symbol of an index")
    quarantine.add_argument("date", nargs="?", type=_date, help="session of the row")
    quarantine.add_argument("--close", type=float, help="choose the row with this close")
    quarantine.add_argument(
        "--status", choices=("open", "accepted", "rejected", "all"), default="open"
    )
    quarantine.add_argument("--note", help="why, for the record")
    quarantine.add_argument("--json", action="store_true", help="print JSON for programs")
    bars = reading("bars", "list the stored bars of a ticker, now or as known at a moment")
    bars.add_argument("ticker")
    bars.add_argument("--as-of", type=_moment, help="e.g. 2024-01-05T12:00Z (default: now)")
    bars.add_argument("--start", type=_date, help="first session (default: the first stored)")
    bars.add_argument("--end", type=_date, help="last session (default: the last stored)")
    earnings = reading("earnings", "list the earnings reports of a ticker, or the next of each")
    earnings.add_argument("ticker", nargs="?", help="default: the next report of all tickers")
    earnings.add_argument(
        "--as-of",
        type=_moment,
        help="e.g. 2024-01-05T21:00Z (default: now; of an invented market its newest close)",
    )
    earnings.add_argument(
        "--trades", action="store_true", help="what the records of earnings strategies prove"
    )
    files = reading("import", "convert downloaded files into those of the source csv")
    files.add_argument("files", nargs="+", metavar="FILE", help="file of any known publisher")
    files.add_argument(
        "--to", metavar="FOLDER", help="folder to write to (default: OPTIONS_CSV_DIR)"
    )
    files.add_argument("--ticker", help="ticker of the files, or the one ticker to convert")
    files.add_argument(
        "--session", type=_date, help="session of an option chain, if its file has none"
    )
    files.add_argument("--no-splits", action="store_true", help="the ticker had no splits")
    files.add_argument("--no-dividends", action="store_true", help="the ticker paid no dividends")
    files.add_argument(
        "--whole", action="store_true",
        help="also read a file whose last line has no line end; check first that it is complete",
    )  # fmt: skip
    files.add_argument("--replace", action="store_true", help="overwrite existing files")
    chains = reading(
        "chain-snapshot",
        "fetch and store today's option chains; run it half an hour after the close",
    )
    chains.add_argument("--tickers", type=_names, help="tickers, universes (default: all)")


def _add_trading(reading: AddCommand) -> None:
    reconcile = reading("reconcile", "compare the ledger with the broker")
    reconcile.add_argument(
        "--accept",
        metavar="WHY",
        help="correct the ledger to the broker's contracts and cash, for this reason",
    )
    work = reading("work", "reprice working orders step by step until none is working")
    work.add_argument("--once", action="store_true", help="one step only, e.g. from a schedule")
    for name, text in (
        ("halt", "stop new orders until resumed"),
        ("resume", "allow new orders again"),
    ):
        sub = reading(name, text)
        sub.add_argument("--reason", help="why, for the record (default: by hand)")
    flatten = reading("flatten", "halt, cancel every order and close every position")
    flatten.add_argument("--yes", action="store_true", help="do not ask")


def _add_go_live(reading: AddCommand) -> None:
    go_live = reading("go-live", "show what real money still waits for, or override it by name")
    go_live.add_argument(
        "--override", metavar="NAME", help="trade real money although checks have not passed"
    )
    go_live.add_argument("--reason", metavar="TEXT", help="why, for the account's audit")
    go_live.add_argument(
        "--revoke", action="store_true", help="take an override back; the checks count again"
    )


def _add_alerts(reading: AddCommand) -> None:
    alerts = reading(
        "alerts", "show what is wrong now, acknowledge it, or send a test to the addresses"
    )
    alerts.add_argument("action", nargs="?", choices=("show", "test"), default="show")
    alerts.add_argument(
        "--acknowledge", metavar="ID", help="note that somebody has seen the alert; it is quiet now"
    )
    alerts.add_argument("--by", metavar="NAME", help="who has seen it (default: this user)")


def _add_rehearse(reading: AddCommand) -> None:
    rehearse = reading(
        "rehearse", "trade a stressed month of the past at a fake broker, and check what must hold"
    )
    rehearse.add_argument("month", metavar="YYYY-MM", help="a stored month, e.g. 2020-03")
    rehearse.add_argument("--rule-set", metavar="NAME", help="rules to trade by (default: as set)")
    rehearse.add_argument(
        "--intensity", default="stressed", metavar="NAME",
        help="real (the month as it was), stressed or severe (default: stressed)",
    )  # fmt: skip
    rehearse.add_argument("--seed", type=int, default=1, help="of what goes wrong (default: 1)")


def _add_fake_alpaca(reading: AddCommand) -> None:
    fake = reading("fake-alpaca", "serve a fake Alpaca on 127.0.0.1, to try trading out")
    fake.add_argument("--port", type=int, default=8765)
    fake.add_argument(
        "--fills",
        choices=("limit", "rest", "half", "market"),
        default="limit",
        help="how orders fill: at their limit, not at all (they rest), half of the quantity, or "
        "at the quotes of the simulated market (default: limit)",
    )
    fake.add_argument("--cash", type=float, default=100_000.0, help="cash at the start, in USD")
    fake.add_argument(
        "--seed", type=int, default=7, help="seed of the simulated market (default: 7)"
    )


def _add_care(add: AddCommand, reading: AddCommand) -> None:
    doctor = reading("doctor", "check the installation, the settings, the home and the data")
    doctor.add_argument(
        "--deep",
        action="store_true",
        help="also read every page of every database, and run the rules over all predictions",
    )
    doctor.add_argument(
        "--health",
        action="store_true",
        help="only whether the daemon lives and the daily schedule fires, for a health check",
    )
    doctor.add_argument("--strict", action="store_true", help=STRICT)
    backup = add("backup", "write the home and options.toml to one archive")
    backup.add_argument("archive", help="file to write, e.g. options-backup.tar.gz")
    restore = add("restore", "restore a home from an archive")
    restore.add_argument("archive", help="file written by backup")
    restore.add_argument(
        "--only", type=_names, metavar="NAMES",
        help="parts of the home, e.g. warehouse.duckdb,mlflow.db (default: all)",
    )  # fmt: skip
    restore.add_argument(
        "--rehearse", action="store_true",
        help="unpack the archive beside the home, read all of it, and change nothing",
    )  # fmt: skip


def _add_ui(add: AddCommand) -> None:
    ui = add("ui", "serve the Dagster web UI, with schedules, on 127.0.0.1")
    ui.add_argument("--port", type=int, default=3000)
    dashboard = add("dashboard", "serve the pages of account, trades and data on 127.0.0.1")
    dashboard.add_argument("--port", type=int, default=8501)
    dashboard.add_argument("--host", default="127.0.0.1", help="127.0.0.1; any other is refused")
    dashboard.add_argument(
        "--public", metavar="NAME", help="host name of a proxy with TLS on this machine, in front"
    )
    dashboard.add_argument(
        "--password-file", metavar="FILE", help="file with the password for those who use it"
    )
    metrics = add("metrics", "print the figures for Prometheus, or serve them on 127.0.0.1")
    metrics.add_argument("--serve", action="store_true", help="serve them until interrupted")
    metrics.add_argument("--port", type=int, default=9465)
    mlflow = add("mlflow", "serve MLflow's UI, opened on the newest scores of the models")
    mlflow.add_argument("--host", default="127.0.0.1", help="address to listen on")
    mlflow.add_argument("--port", type=int, default=5000)


def _add_setup(add: AddCommand, reading: AddCommand) -> None:
    config = reading("config", "show the settings, and where each value comes from")
    config.add_argument("action", nargs="?", choices=("show",), default="show")
    config.add_argument("names", nargs="*", metavar="NAME", help="e.g. exits or risk.max_positions")
    config.add_argument("--changed", action="store_true", help="only those that are no defaults")
    new = add("new", "write a package with a strategy, feature, source or model of your own")
    new.add_argument("kind", choices=("strategy", "feature", "source", "model"))
    new.add_argument("name", metavar="NAME", help="of the package and of what it adds")
    new.add_argument("--to", metavar="FOLDER", help="where to write it (default: NAME)")
    completion = add("completion", "print the completion of commands and options for a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 2024-01-05T12:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date like 2024-12-31") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
