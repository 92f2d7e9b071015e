"""The forward result of each rule set: its recorded plans, traded on the stored market.

The plans, and the rules by which they are traded, are those of the links; nothing of a link is
computed anew. The one code path is the backtest's, so a forward result differs from a backtest in
nothing but that its plans were recorded before anybody could know what became of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    RAW_OHLCV,
    RULE_SET_CURVES,
    RULE_SET_SCORES,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
)
from options_platform.contracts.rule_sets import AS_SET
from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest.sources import real_share
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS, equity_of
from options_platform.domain.backtest_study.scorecard import MODEL, Curve, scorecard
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.forward.coverage import Coverage, coverage
from options_platform.domain.forward.expectation import accrued_share, expected_entries
from options_platform.domain.forward.links import FAILURE, PLANS, rows_as_frame
from options_platform.domain.forward.verification import Chain
from options_platform.errors import PlatformError
from options_platform.services.backtesting.run import stored_market
from options_platform.services.forward.recording import read_rules
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.settings import Settings
from options_platform.settings.rule_sets import rule_set_names

ENOUGH_SESSIONS = 4 * BLOCK_SESSIONS
"""Sessions from which a Sharpe ratio is shown: a year, four blocks of the bootstrap."""

SHOWN_GAPS = 5
"""The newest gaps of a set that are named; the others are counted."""


@dataclass(frozen=True)
class Expected:
    """What the stored comparison of rule sets lets one expect of the same rules.

    `entered` are trades, closed or open, and `result_usd` is what they would have made by now, from
    its averages over as many sessions in which recorded plans could be entered; null where there is
    no result to compare with. `result_usd` is null as well where the comparison's account,
    `account_usd`, is another one. `sharpe` with interval is that of the comparison; null where it
    is undefined.
    """

    entered: float | None
    result_usd: float | None
    account_usd: float | None
    sharpe: float | None
    sharpe_low: float | None
    sharpe_high: float | None


@dataclass(frozen=True)
class ForwardResult:
    """The forward result of a rule set under the same rules.

    `sessions` are those from the first link to the newest that might have one, `gaps` those of them
    without. `entered` are trades, closed or open; `trades` are closed; `result_usd` is after fees,
    open trades at their marks, without interest. `sharpe` is null before `ENOUGH_SESSIONS`.
    `modelled` is the share of legs and sessions priced by the model, a fraction; null without
    trades. `traded_by` says by which fills, fees and account, those of the first link, whatever the
    settings are now. `problem` says why there is no result; the figures are then null.
    """

    rule_set: str
    version: int | None
    digest: str | None
    first: date
    last: date
    sessions: int
    gaps: dict[date, str]
    revisions: int
    is_current: bool
    traded_until: date | None = None
    entered: int | None = None
    trades: int | None = None
    open_trades: int | None = None
    win_rate: float | None = None
    result_usd: float | None = None
    sharpe: float | None = None
    sharpe_low: float | None = None
    sharpe_high: float | None = None
    modelled: float | None = None
    traded_by: str | None = None
    expected: Expected | None = None
    problem: str | None = None


def forward_results(
    settings: Settings, warehouse: Warehouse, chain: Chain, now: datetime
) -> list[ForwardResult]:
    """The forward result of each rule set and its rules, by set and then oldest first.

    Raises :class:`ForwardRecordError` if a link was altered.
    """
    chain.require_sound()
    compared = _compared(warehouse)
    return [_result(settings, warehouse, part, compared) for part in coverage(chain.links, now)]


def _compared(warehouse: Warehouse) -> pl.DataFrame:
    """The stored comparison of rule sets as they are set, with the account that each began with."""
    curves = warehouse.read(RULE_SET_CURVES).sort("date")
    began = curves.group_by("comparison", "rule_set").agg(account_usd=pl.col("equity_usd").first())
    scores = warehouse.read(RULE_SET_SCORES).filter(case=AS_SET)
    return scores.join(began, on=["comparison", "rule_set"], how="left")


def _result(
    settings: Settings, warehouse: Warehouse, part: Coverage, compared: pl.DataFrame
) -> ForwardResult:
    newest = part.links[-1].content
    about = ForwardResult(
        rule_set=part.rule_set,
        version=newest.version,
        digest=newest.digest,
        first=part.first,
        last=part.last,
        sessions=part.sessions,
        gaps=part.gaps,
        revisions=part.revisions,
        is_current=part.is_current,
    )
    try:
        about = replace(about, traded_by=_terms(part))
        traded = trade_recorded(settings, warehouse, part)
    except (PlatformError, pl.exceptions.PolarsError) as error:
        about = replace(about, problem=str(error))
    else:
        if traded is None:
            about = replace(about, entered=0, trades=0, open_trades=0, result_usd=0.0)
        else:
            about = _with_figures(about, *traded)
    return replace(about, expected=_expected(about, part, compared))


def trade_recorded(
    settings: Settings, warehouse: Warehouse, part: Coverage
) -> tuple[BacktestResult, pl.DataFrame] | None:
    """The recorded plans traded by the recorded rules, and the scores of that.

    None before two sessions are stored. Once the rules of the set have changed, its positions are
    followed to their end. Raises :class:`IncompleteDataError` if the market of a ticker that is
    planned is missing.
    """
    contents = [link.content for link in part.links]
    plans = pl.concat([rows_as_frame(content.plans, TRADE_PLAN) for content in contents])
    legs = pl.concat([rows_as_frame(content.legs, TRADE_PLAN_LEGS) for content in contents])
    tickers = plans["ticker"].unique().sort().to_list()
    days = warehouse.read(RAW_OHLCV, columns=["date"], tickers=tickers, start=part.first)["date"]
    end = days.max()
    if not isinstance(end, date) or end <= part.first:
        return None
    if not part.is_current:
        expiries = legs["expiry"].to_list()
        end = min(end, max([part.last, *expiries]))
    chains = ChainStore(settings.chains_path)
    market = stored_market(warehouse, tickers, part.first, end, chains, settings.earnings)
    result = run_backtest(plans, legs, market, _rules(settings, warehouse, part))
    curve = Curve(MODEL, "recorded", MODEL, equity_of(result), result)
    return result, scorecard([curve], market, block=BLOCK_SESSIONS)


def _rules(settings: Settings, warehouse: Warehouse, part: Coverage) -> BacktestRules:
    """The rules of the first link, which later changes of the account's settings do not touch, with
    what chains had taught the surface when each session was recorded."""
    first = part.links[0]
    rules = read_rules(first.content.trading)
    priced = replace(settings, plan=replace(settings.plan, chain=rules.chain))
    fitted = with_fits(priced, warehouse, recorded_from=first.created_at)
    return replace(rules, chain=fitted.plan.chain)


def _terms(part: Coverage) -> str:
    """The terms of the first link, in words; the digest of a set's rules is not of these."""
    rules = read_rules(part.links[0].content.trading)
    fee = float(rules.costs.fees_on(np.array([part.first], dtype="datetime64[D]"))[0])
    return (
        f"fill model {rules.fills.model} (slippage share {rules.fills.slippage_share:g}), fees of "
        f"{fee:g} USD a contract and side, an account of {rules.start_usd:,.0f} USD"
    )


def _with_figures(
    about: ForwardResult, result: BacktestResult, scores: pl.DataFrame
) -> ForwardResult:
    closed = result.trades.drop_nulls("closed_on")
    row = scores.row(0, named=True)
    days: list[date] = result.equity["session"].to_list()
    is_enough = len(days) >= ENOUGH_SESSIONS
    return replace(
        about,
        traded_until=days[-1],
        entered=result.trades.height,
        trades=closed.height,
        open_trades=result.trades.height - closed.height,
        win_rate=row["win_rate"],
        result_usd=float(result.trades["pnl_usd"].sum()),
        modelled=1.0 - real_share(result.sources) if result.trades.height else None,
        sharpe=row["sharpe"] if is_enough else None,
        sharpe_low=row["sharpe_low"] if is_enough else None,
        sharpe_high=row["sharpe_high"] if is_enough else None,
    )


def _expected(about: ForwardResult, part: Coverage, compared: pl.DataFrame) -> Expected | None:
    """The stored backtest of the same rules, over what `about` had time for; None if there is
    none."""
    same = compared.filter(rule_set=part.rule_set, digest=about.digest or "")
    if same.is_empty():
        return None
    row = same.row(0, named=True)
    expected = Expected(
        entered=None,
        result_usd=None,
        account_usd=row["account_usd"],
        sharpe=row["sharpe"],
        sharpe_low=row["sharpe_low"],
        sharpe_high=row["sharpe_high"],
    )
    if about.problem is not None:
        return expected
    until = about.traded_until or part.first
    chances = sum(shift(link.session, 1) <= until for link in part.links)
    held, each = row["average_days_held"], row["expectancy_usd"]
    span = len(sessions(row["first"], row["last"]))
    entered = expected_entries(row["trades"], held, span, chances)
    if row["account_usd"] != read_rules(part.links[0].content.trading).start_usd:
        return replace(expected, entered=entered)
    result_usd = (each or 0.0) * entered * accrued_share(held, chances)
    return replace(expected, entered=entered, result_usd=result_usd)


def without_plans(settings: Settings, chain: Chain) -> dict[str, str]:
    """The sets of the home that no link has plans of, and why, in words."""
    planned = {link.rule_set for link in chain.links if link.kind == PLANS}
    failures = {
        link.rule_set: f"could not be planned for {link.session}: {link.content.failure}"
        for link in chain.links
        if link.kind == FAILURE
    }
    return {
        name: failures.get(name, "is recorded from the next options-platform daily on")
        for name in rule_set_names(settings.home)
        if name not in planned
    }
