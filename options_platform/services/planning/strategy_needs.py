"""The account that each strategy needs, by the plans of the newest sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.planning.fees import fee_shares
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.risk import feasibility
from options_platform.domain.trading.exposures import one_spread_rows
from options_platform.errors import IncompleteDataError
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.planning.plan_inputs import plan_inputs
from options_platform.settings import Settings

ANY_SPREAD_FITS = 1e12


@dataclass(frozen=True)
class StrategyNeeds:
    """`needs` has the columns of `domain.risk.FEASIBILITY_SCHEMA` and `plans`, the number of plans
    of `first` to `last` that a row is the median of."""

    first: date
    last: date
    needs: pl.DataFrame

    @property
    def notes(self) -> list[str]:
        """One sentence for each strategy that the account cannot trade."""
        return [
            f"{row['ticker']} {row['strategy'].replace('_', ' ')} does not fit the account; "
            + (
                f"the smallest that does has {row['account_needed_usd']:,.0f} USD"
                if row["account_needed_usd"] is not None
                else f"max_risk_usd is below its loss of {row['max_loss_usd']:,.0f} USD"
            )
            for row in self.needs.filter(~pl.col("fits")).iter_rows(named=True)
        ]


def strategy_needs(settings: Settings, warehouse: Warehouse, sessions: int) -> StrategyNeeds:
    """What one spread of each strategy planned in the newest `sessions` sessions needs.

    Raises :class:`IncompleteDataError` before the first plan.
    """
    planned = warehouse.read(TRADE_PLAN, columns=["date"])["date"]
    last: date | None = planned.max()  # type: ignore[assignment]
    if last is None:
        raise IncompleteDataError("there are no plans yet; run: options-platform backfill")
    first: date = planned.filter(planned >= shift(last, 1 - sessions)).min()  # type: ignore[assignment]
    inputs = plan_inputs(warehouse, settings.tickers, first, last)
    settings = with_fits(settings, warehouse)
    # Plans that this account refuses, or makes narrower, are the ones of interest here.
    sizing = replace(
        settings.plan.sizing, account_value_usd=ANY_SPREAD_FITS, max_contracts=1, max_risk_usd=None
    )
    plans, _ = build_plans(inputs, replace(settings.plan, sizing=sizing))
    trades = plans.filter(pl.col("decision") == "trade")
    rows = one_spread_rows(trades).with_columns(fee_shares(trades, settings.plan.costs))
    confidence = dict(rows.group_by("strategy").agg(pl.col("confidence").median()).iter_rows())
    needs = feasibility(rows, settings.plan.sizing, settings.risk, confidence=confidence)
    counts = rows.group_by("ticker", "strategy").len("plans")
    needs = needs.join(counts, on=["ticker", "strategy"], maintain_order="left")
    return StrategyNeeds(first, last, needs)
