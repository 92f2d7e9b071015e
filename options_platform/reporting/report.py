"""The report: one self-contained HTML file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from options_platform import __version__, formats
from options_platform.adapters.sources import open_source, source_options
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.ledger import open_ledger, replay_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    BACKTEST_CURVES,
    BACKTEST_DRAWS,
    BACKTEST_EQUITY,
    BACKTEST_FILLS,
    BACKTEST_MARKS,
    BACKTEST_PRICE_RISK,
    BACKTEST_REFUSAL_PRICES,
    BACKTEST_SCORES,
    BACKTEST_SOURCES,
    BACKTEST_TRADES,
    CHAMPIONS,
    CORPORATE_ACTIONS,
    IV_HISTORY,
    LABELS,
    MODEL_IMPORTANCE,
    MODEL_PREDICTIONS,
    MODEL_SCORES,
    PAPER_ORDERS,
    QUARANTINE,
    RAW_OHLCV,
    REGIME,
    REGIME_TRANSITIONS,
    REVISIONS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    TRIAL_FOLDS,
    TRIALS,
    VIX,
)
from options_platform.contracts.backtest import CONFIGURED
from options_platform.domain.calendar.sessions import newest_session
from options_platform.domain.features.registry import feature_version
from options_platform.formats import (
    closing_price,
    confident,
    count,
    exit_words,
    is_missing,
    net_price,
    number,
    words,
)
from options_platform.reporting import sections
from options_platform.reporting.cross_ticker import cross_ticker_section
from options_platform.reporting.data_page import StoredData, data_section
from options_platform.reporting.earnings import earnings_section
from options_platform.reporting.forward_section import forward_section
from options_platform.reporting.headline import headline_section
from options_platform.reporting.outlook_section import outlook_section
from options_platform.reporting.provenance import settings_digest, settings_rows, versions
from options_platform.reporting.record_page import paper_section
from options_platform.reporting.refusals_section import refusals_section
from options_platform.reporting.research import research_section
from options_platform.reporting.rule_sets_section import rule_sets_section
from options_platform.reporting.studies import studies_section
from options_platform.reporting.tearsheet import (
    StoredBacktest,
    tearsheet_section,
)
from options_platform.reporting.vix_example import vix_example_section
from options_platform.services.backtesting.membership import hindsight_note, late_stocks
from options_platform.services.market_data.learned_surface import measured_notes
from options_platform.services.market_data.market_priced import stored_market_stocks
from options_platform.services.trading.home_copy import HomeCopy
from options_platform.settings import Settings
from options_platform.settings.broker_rules import LIVE_NOTE
from options_platform.settings.rule_sets import all_in_words

TEMPLATE = "report.html.j2"
DASH = "\N{EN DASH}"


def report_path(settings: Settings) -> Path:
    """The path of the report in the settings' home."""
    return settings.reports_path / "report.html"


def write_report(
    settings: Settings, warehouse: Warehouse, *, now: datetime, copy: HomeCopy | None = None
) -> Path:
    """Write the report of the stored data into the home, as :func:`render`; returns its path."""
    path = report_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(render(settings, warehouse, now=now, copy=copy), encoding="utf-8")
    new.replace(path)
    return path


def render(
    settings: Settings, warehouse: Warehouse, *, now: datetime, copy: HomeCopy | None = None
) -> str:
    """The report as HTML.

    With a published `copy`, `warehouse` is its, and the ledgers are read from it too.
    """
    info = open_source(settings.source, source_options(settings)).info
    bars, vix = warehouse.read(RAW_OHLCV), warehouse.read(VIX)
    predictions = warehouse.read(MODEL_PREDICTIONS)
    plans = warehouse.read(TRADE_PLAN)
    regime = warehouse.read(REGIME)
    ledger = replay_ledger(settings) if copy is None else copy.replay
    account = open_ledger(settings) if copy is None else copy.ledger
    run = stored_backtest(warehouse)
    backtest = tearsheet_section(run)
    content: dict[str, Any] = {
        "title": f"options-platform: {', '.join(settings.tickers)}",
        "version": __version__,
        "feature_version": feature_version(),
        "source": info,
        "rule_set": all_in_words(settings),
        "live_note": LIVE_NOTE if settings.is_live else None,
        "generated": now,
        "as_of": None if copy is None else copy.published_at,
        "behind": None if copy is None else copy.behind,
        "account_value_usd": settings.plan.sizing.account_value_usd,
        "data": _data(settings, warehouse, bars, vix, now, proxy=info.proxy),
        "models": sections.model_section(predictions, warehouse.read(LABELS))
        if predictions.height
        else None,
        "research": research_section(
            *(
                warehouse.read(table)
                for table in (MODEL_SCORES, MODEL_IMPORTANCE, TRIALS, TRIAL_FOLDS, CHAMPIONS)
            )
        ),
        "regimes": sections.regime_section(regime, warehouse.read(REGIME_TRANSITIONS), vix)
        if regime.height
        else None,
        "earnings": earnings_section(settings, warehouse, now),
        "plan": sections.plan_section(plans, warehouse.read(TRADE_PLAN_LEGS))
        if plans.height
        else None,
        "outlook": outlook_section(settings, warehouse, account) if plans.height else None,
        "market_priced": [*stored_market_stocks(settings, warehouse).values()],
        "measured_prices": measured_notes(settings, warehouse),
        "headline": headline_section(settings, warehouse, account, ledger, backtest, now),
        "backtest": backtest,
        "vix_example": vix_example_section(run.price_risk, warehouse),
        "hindsight": hindsight_note(late_stocks(settings, settings.tickers)),
        "refusals": refusals_section(
            warehouse.read(BACKTEST_REFUSAL_PRICES).filter(pl.col("run") == CONFIGURED)
        ),
        "rule_sets": rule_sets_section(settings, warehouse),
        "studies": studies_section(settings, warehouse),
        "cross": cross_ticker_section(settings, warehouse),
        "forward": forward_section(settings, warehouse, now),
        "orders": sections.order_section(
            warehouse.read(PAPER_ORDERS),
            ledger.table("orders") if ledger.exists else None,
            ledger.table("marks") if ledger.exists else None,
        ),
        "record": paper_section(settings, warehouse, account),
        "settings": settings_rows(settings),
        "settings_digest": settings_digest(settings),
        "versions": versions(),
    }
    return str(environment().get_template(TEMPLATE).render(**content))


def stored_backtest(warehouse: Warehouse) -> StoredBacktest:
    """The rows of the backtest run that the report shows."""
    read = {
        "scores": BACKTEST_SCORES, "draws": BACKTEST_DRAWS,
        "price_risk": BACKTEST_PRICE_RISK,
        "curves": BACKTEST_CURVES, "equity": BACKTEST_EQUITY,
        "trades": BACKTEST_TRADES, "fills": BACKTEST_FILLS, "marks": BACKTEST_MARKS,
        "sources": BACKTEST_SOURCES,
    }  # fmt: skip
    is_shown = pl.col("run") == CONFIGURED
    return StoredBacktest(
        **{name: warehouse.read(table).filter(is_shown) for name, table in read.items()}
    )


def _data(
    settings: Settings,
    warehouse: Warehouse,
    bars: pl.DataFrame,
    vix: pl.DataFrame,
    now: datetime,
    *,
    proxy: bool,
) -> dict[str, Any]:
    newest = newest_session(now) if settings.end is None else min(settings.end, newest_session(now))
    stored = StoredData(
        bars,
        vix,
        quarantine=warehouse.read(QUARANTINE),
        revisions=warehouse.read(REVISIONS),
        corporate_actions=warehouse.read(CORPORATE_ACTIONS),
        iv_history=warehouse.read(IV_HISTORY),
        chains=_newest_chains(settings),
        proxy=proxy,
    )
    return data_section(stored, settings.tickers, newest)


def _newest_chains(settings: Settings) -> pl.DataFrame:
    store = ChainStore(settings.chains_path)
    newest = {ticker: day for day, ticker in store.stored(tickers=settings.tickers)}
    keys = [(day, ticker) for ticker, day in newest.items()]
    return store.read(keys, columns=["date", "ticker", "quality"])


def environment() -> Any:
    """Jinja's environment of all pages, with the filters that write values as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("options_platform.reporting", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": cell, "usd": usd, "pct": pct, "metric": metric_name, "words": words, "of": count,
        "price": price, "closing": closing, "exit": exit_words, "sure": confident,
    }  # fmt: skip
    return environment


def metric_name(metric: str) -> str:
    """The display name of a metric."""
    return sections.METRIC_NAMES.get(metric, metric)


def cell(value: object, digits: int = 3) -> str:
    """A value as text for a table; a dash for None and NaN."""
    if is_missing(value):
        return DASH
    match value:
        case bool():
            return str(value)
        case int() | float():
            return number(value, 0 if isinstance(value, int) else digits)
        case list():
            return ", ".join(str(part) for part in value)
    return str(value)


def usd(value: float | None) -> str:
    """An amount in USD, without cents from 1,000 USD on; a dash for None."""
    return DASH if is_missing(value) else formats.usd(value)


def price(value: float | None) -> str:
    """The net price of a trade as a debit or a credit; a dash for None."""
    return DASH if is_missing(value) else net_price(value)


def closing(value: float | None) -> str:
    """What closing costs or brings, of a position that is worth `value`; a dash for None."""
    return DASH if is_missing(value) else closing_price(value)


def pct(value: float | None) -> str:
    """A fraction as a percentage; a dash for None."""
    return DASH if is_missing(value) else formats.pct(value)
