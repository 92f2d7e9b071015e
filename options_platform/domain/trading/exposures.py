"""Exposures as the backtest has them: planned ones, and spreads priced at a close.

A close is the newest known of the ticker; where the session had none the one before is carried,
greeks and all, as in the paths of the backtest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from options_platform.domain.chain import ChainRules, option_sign, quote, years_of
from options_platform.domain.risk import Exposure, exposure_of
from options_platform.domain.risk.limits import ONE_PERCENT
from options_platform.domain.trading.fill_prices import LEG_SIDES, MarketClose
from options_platform.domain.trading.orders import SHARES, OrderLeg
from options_platform.domain.trading.positions import BrokenMark, Position


@dataclass(frozen=True)
class DatedClose:
    """A close and the session that it is of."""

    session: date
    close: MarketClose


def newest_closes(
    market: Mapping[date, Mapping[str, MarketClose]], until: date | None = None
) -> dict[str, DatedClose]:
    """By ticker the newest close of `market`, up to and with `until`."""
    newest: dict[str, DatedClose] = {}
    for day in sorted(market):
        if until is None or day <= until:
            newest |= {ticker: DatedClose(day, close) for ticker, close in market[day].items()}
    return newest


def planned_exposures(plans: pl.DataFrame) -> dict[str, Exposure]:
    """By plan_id what the trades of `plans` (rows of `trade_plan`) say that they add."""
    greeks = ("net_delta", "net_gamma", "net_theta", "net_vega")
    rows = plans.select("plan_id", "ticker", "max_loss_usd", "expiry", "spot", *greeks)
    return {
        plan_id: exposure_of(
            ticker,
            max_loss,
            expiry,
            spot=spot,
            shares_delta=delta,
            shares_gamma=gamma,
            vega_usd=vega,
            theta_usd=theta,
        )
        for plan_id, ticker, max_loss, expiry, spot, delta, gamma, theta, vega in rows.iter_rows()
    }


def one_spread_rows(plans: pl.DataFrame) -> pl.DataFrame:
    """What one spread of each trade of `plans` adds.

    Columns ticker, strategy, regime, confidence, votes, vol_scale and width of the plan, and
    max_loss_usd, delta_usd, gamma_usd, vega_usd and theta_usd, as in :class:`Exposure`.
    """
    trades = plans.filter(pl.col("decision") == "trade")
    exposures = planned_exposures(trades)
    names = ("max_loss_usd", "delta_usd", "gamma_usd", "vega_usd", "theta_usd")
    values = [
        [getattr(exposures[plan_id], name) for name in names] for plan_id in trades["plan_id"]
    ]
    schema = dict.fromkeys(names, pl.Float64)
    each = pl.DataFrame(values, schema=schema, orient="row") / trades["contracts"]
    shown = trades.select(
        "ticker", "strategy", "regime", "confidence", "votes", "vol_scale", "width"
    )
    return pl.concat([shown, each], how="horizontal")


def broken_mark(
    position: Position, session: date, close: MarketClose, chain: ChainRules
) -> BrokenMark:
    """A position that was just marked at the close of `session`, with the greeks of what is loose.

    All of them are 0 where nothing is loose any more.
    """
    at, spot = DatedClose(session, close), close.spot
    loose = spread_exposure(position.ticker, position.loose, 1, 0.0, at, chain)
    return BrokenMark(
        session=session,
        position_id=position.position_id,
        open_contracts=position.open_contracts,
        value_usd=position.value_usd,
        profit_usd=position.profit_usd,
        risk_usd=position.risk_usd,
        delta=loose.delta_usd / spot,
        gamma=loose.gamma_usd / (spot * spot * ONE_PERCENT),
        theta=loose.theta_usd,
        vega=loose.vega_usd,
    )


def spread_exposure(
    ticker: str,
    legs: Sequence[OrderLeg],
    contracts: int,
    max_loss_usd: float,
    at: DatedClose,
    chain: ChainRules,
) -> Exposure:
    """What `contracts` spreads add to the account's risk; expired legs have no greeks.

    A share has a delta of 1, whatever contracts are for, and no other greek.
    """
    shares = sum(leg.signed_ratio for leg in legs if leg.is_shares) * contracts
    legs = [leg for leg in legs if not leg.is_shares]
    alive = [leg for leg in legs if leg.expiry > at.session]
    spot, units = at.close.spot, SHARES * contracts
    sums = dict.fromkeys(("delta", "gamma", "theta", "vega"), 0.0)
    if alive:
        greeks = quote(
            at.close.underlying(at.session, len(alive)),
            np.array([leg.strike for leg in alive]),
            years_of(np.array([(leg.expiry - at.session).days for leg in alive])),
            option_sign(np.array([leg.right for leg in alive])),
            chain,
        ).greeks
        sides = [LEG_SIDES[leg.side] * leg.ratio for leg in alive]
        for name in sums:
            values = getattr(greeks, name).tolist()
            # Leg by leg, in the order of the backtest's sums.
            for side, value in zip(sides, values, strict=True):
                sums[name] += side * value
    return exposure_of(
        ticker,
        max_loss_usd,
        min((leg.expiry for leg in legs), default=at.session),
        spot=spot,
        shares_delta=sums["delta"] * units + shares,
        shares_gamma=sums["gamma"] * units,
        vega_usd=sums["vega"] * units,
        theta_usd=sums["theta"] * units,
    )
