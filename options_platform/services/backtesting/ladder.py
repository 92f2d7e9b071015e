"""What the ladder of a rule set asks of an account, by the plans of the newest sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.domain.backtest_study.ladder_needs import (
    LadderNeeds,
    Rung,
    ladder_needs,
    last_close,
    within_positions,
)
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.risk.sizing import account_needed
from options_platform.domain.trading.cover import needed_level
from options_platform.domain.trading.exposures import one_spread_rows
from options_platform.domain.trading.orders import OrderLeg
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.yields_and_tenors import stored_tenors
from options_platform.services.planning.plan_inputs import plan_inputs
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.planning.strategy_needs import ANY_SPREAD_FITS
from options_platform.settings import Settings


@dataclass(frozen=True)
class LadderOutlook:
    """The ladder of one spread of each plan: `whole` if all are entered, `within` what the limits
    on positions let in; None without a plan. `needed_level` is the level for options that the
    plans take, 0 without any."""

    plans: int
    needed_level: int
    whole: LadderNeeds | None
    within: LadderNeeds | None


def ladder_outlook(
    settings: Settings, warehouse: Warehouse, first: date, last: date
) -> LadderOutlook:
    """What the ladder of the settings' rule set needs, by its plans from `first` to `last`."""
    settings = with_fits(settings, warehouse)
    tickers = settings.tickers
    inputs = plan_inputs(warehouse, tickers, first, last, earnings=settings.earnings)
    rungs = _rungs(settings, inputs)
    closes = market_closes(
        warehouse.read(RAW_OHLCV, tickers=tickers, start=first, end=last),
        warehouse.read(VIX, tickers=tickers, start=first, end=last),
        stored_tenors(warehouse),
    )
    rules, chain = settings.risk, settings.plan.chain
    until = [last_close(rung, settings.exits, settings.expiry) for rung in rungs]
    taken = within_positions(rungs, until, rules)
    return LadderOutlook(
        plans=len(rungs),
        needed_level=max((needed_level(rung.ticker, rung.legs) for rung in rungs), default=0),
        whole=ladder_needs(rungs, until, closes, rules, chain),
        within=ladder_needs(
            [rungs[n] for n in taken], [until[n] for n in taken], closes, rules, chain
        ),
    )


def _rungs(settings: Settings, inputs: pl.DataFrame) -> list[Rung]:
    """One spread of each planned trade, in the order of their sessions."""
    sizing = replace(
        settings.plan.sizing,
        account_value_usd=ANY_SPREAD_FITS,
        max_contracts=1,
        max_risk_usd=None,
    )
    plans, legs = build_plans(inputs, replace(settings.plan, sizing=sizing))
    trades = plans.filter(pl.col("decision") == "trade")
    one = one_spread_rows(trades)
    own = settings.plan.sizing
    multiplier = one["regime"].replace_strict(
        own.regime_multiplier, default=1.0, return_dtype=pl.Float64
    )
    multiplier *= one["vol_scale"].fill_null(1.0)
    votes = one["votes"].cast(pl.Float64).fill_null(float("nan"))
    accounts = account_needed(
        one["max_loss_usd"].to_numpy(),
        multiplier.to_numpy(),
        one["confidence"].to_numpy(),
        own,
        votes.to_numpy(),
    )
    by_plan = {
        key[0]: tuple(
            OrderLeg(row["side"], row["right"], row["strike"], row["expiry"], row["ratio"])
            for row in rows.sort("leg").iter_rows(named=True)
        )
        for key, rows in legs.group_by("plan_id")
    }
    rungs = []
    for row, plan, account in zip(
        one.iter_rows(named=True), trades.iter_rows(named=True), accounts, strict=True
    ):
        beta = settings.risk.betas.get(row["ticker"], 1.0)
        greeks = (
            row["delta_usd"] * beta,
            row["gamma_usd"] * beta * beta,
            row["vega_usd"],
            row["theta_usd"],
        )
        rungs.append(
            Rung(plan["date"], row["ticker"], by_plan[plan["plan_id"]], row["max_loss_usd"],
                 float(account), greeks)
        )  # fmt: skip
    return sorted(rungs, key=lambda rung: (rung.planned_on, rung.ticker))
