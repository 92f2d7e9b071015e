"""The account that each strategy needs, by the plans of the newest sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.planning.fees import fee_shares
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.strike_settings import FIXED
from options_platform.domain.risk import feasibility
from options_platform.domain.trading.exposures import one_spread_rows
from options_platform.errors import IncompleteDataError
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.stock_betas import with_betas
from options_platform.services.planning.plan_inputs import plan_inputs
from options_platform.settings import Settings

ANY_SPREAD_FITS = 1e12


@dataclass(frozen=True)
class StrategyNeeds:
    """`needs` has the columns of `domain.risk.FEASIBILITY_SCHEMA`, by the plans of `first` to
    `last`."""

    first: date
    last: date
    needs: pl.DataFrame

    @property
    def smallest_usd(self) -> float | None:
        """The account that takes half of the plans of the cheapest strategy; None for none."""
        return self.needs["smallest_account_usd"].min()  # type: ignore[return-value]

    @property
    def notes(self) -> list[str]:
        """One sentence for each strategy that the account does not always trade at full width."""
        is_full = pl.col("full_width") == pl.col("plans")
        return [_note(row) for row in self.needs.filter(~is_full).iter_rows(named=True)]


def _note(row: dict[str, Any]) -> str:
    """What the account does with the plans of a strategy, and the accounts that do more."""
    plans, full, narrower = row["plans"], row["full_width"], row["narrower"]
    outcomes = {
        f"trades narrower ({row['narrower_width'] or 0.0:g} USD wide)": narrower,
        "trades at its full width": full,
        "does not fit the account": plans - full - narrower,
    }
    shown = [f"{text} in {count} of {plans} plans" for text, count in outcomes.items() if count]
    name = f"{row['ticker']} {row['strategy'].replace('_', ' ')}"
    if row["smallest_account_usd"] is None:
        loss = f"max_risk_usd is below its loss of {row['max_loss_usd']:,.0f} USD in most plans"
        return f"{name} {', '.join(shown)}; {loss}"
    needed = f"half of the plans need {_dollars(row['smallest_account_usd'])} or more"
    if row["account_for_90_usd"] is not None:
        needed += f", 90% fit {_dollars(row['account_for_90_usd'])}"
    if row["account_needed_usd"] is not None:
        needed += f"; at full width half need {_dollars(row['account_needed_usd'])} or more"
    return f"{name} {', '.join(shown)}; {needed}"


def _dollars(amount_usd: float) -> str:
    return f"{math.ceil(round(amount_usd, 6)):,} USD"


def strategy_needs(settings: Settings, warehouse: Warehouse, sessions: int) -> StrategyNeeds:
    """What one spread of each strategy planned in the newest `sessions` sessions needs.

    Raises :class:`IncompleteDataError` before the first plan.
    """
    planned = warehouse.read(TRADE_PLAN, columns=["date"])["date"]
    last: date | None = planned.max()  # type: ignore[assignment]
    if last is None:
        raise IncompleteDataError("there are no plans yet; run: options-platform backfill")
    first: date = planned.filter(planned >= shift(last, 1 - sessions)).min()  # type: ignore[assignment]
    inputs = plan_inputs(warehouse, settings.tickers, first, last, earnings=settings.earnings)
    settings = with_betas(with_fits(settings, warehouse), warehouse, last)
    rows = _at_every_width(inputs, settings.plan)
    return StrategyNeeds(first, last, feasibility(rows, settings.plan.sizing, settings.risk))


def _at_every_width(inputs: pl.DataFrame, plan: PlanRules) -> pl.DataFrame:
    """One spread of each plan at its full width, and at each narrower one that the plan may take.

    The rows of `one_spread_rows` with fees_share and the plan_id at the full width.
    """
    # Plans that this account refuses, or makes narrower, are the ones of interest here.
    sizing = replace(
        plan.sizing, account_value_usd=ANY_SPREAD_FITS, max_contracts=1, max_risk_usd=None
    )
    full = _spreads(inputs, replace(plan, sizing=sizing))
    strikes = plan.strikes
    if not (strikes.narrow_to_fit and strikes.width_mode == FIXED):
        return full
    traded = inputs.join(full, on=KEY, how="semi")
    widths = [full]
    for width in strikes.narrower_usd:
        narrow = _spreads(traded, replace(plan, sizing=sizing, strikes=strikes.at_width(width)))
        full_widths = full.select(*KEY, "plan_id", full_width="width")
        narrow = narrow.drop("plan_id").join(full_widths, on=KEY)
        allowed = (pl.col("width") < pl.col("full_width")) & (
            pl.col("fees_share") <= strikes.max_fee_share
        )
        widths.append(narrow.filter(allowed).select(full.columns))
    return pl.concat(widths)


def _spreads(inputs: pl.DataFrame, plan: PlanRules) -> pl.DataFrame:
    trades = build_plans(inputs, plan)[0].filter(pl.col("decision") == "trade")
    keys = trades.select("date", "plan_id")
    shares = fee_shares(trades, plan.costs)
    return pl.concat([keys, one_spread_rows(trades)], how="horizontal").with_columns(shares)
