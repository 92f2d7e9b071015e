"""What a ladder of open spreads asks of an account: buying power, one gap, all limits at once.

One spread of each plan is followed from its entry to the last session in which the exits leave it,
as if none were stopped or took a profit: the most rungs that can be open together. What they tie up
and lose in a gap is their sum, at the session where it is largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.chain import ChainRules
from options_platform.domain.risk import RiskRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.gaps import HeldSpreads, gap_losses
from options_platform.domain.trading.orders import OrderLeg


@dataclass(frozen=True)
class Rung:
    """One spread of a plan, entered in the session after `planned_on`.

    `max_loss_usd` is its maximum loss; `sizing_usd` the smallest account that takes it;
    `greeks_usd` are its delta and gamma (times beta and beta squared), vega and theta at the entry,
    as in :class:`~options_platform.domain.risk.Exposure`.
    """

    planned_on: date
    ticker: str
    legs: tuple[OrderLeg, ...]
    max_loss_usd: float
    sizing_usd: float
    greeks_usd: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def expiry(self) -> date:
        """The first expiry of its legs."""
        return min(leg.expiry for leg in self.legs)


@dataclass(frozen=True)
class LadderNeeds:
    """What the rungs of a ladder need, one spread each.

    `rungs` is the most open at one close, on `at`; `buying_power_usd` the most of the sums of their
    maximum losses; `gap_usd` by move the largest loss of all open rungs in one gap, negative where
    they gain. `account_usd` is the smallest account that holds all of them within its sizing and
    its limits, infinite where no account does, and `bound_by` the setting that asks for so much.
    """

    rungs: int
    at: date
    buying_power_usd: float
    gap_usd: dict[float, float]
    account_usd: float
    bound_by: str


def last_close(rung: Rung, exits: ExitRules, expiry: ExpiryRules) -> date:
    """The last close at which a rung is open if only the calendar closes it."""
    entered = shift(rung.planned_on, 1)
    days = min(exits.exit_dte, (rung.expiry - entered).days // 2)
    decided = expiry.last_decision(rung.expiry)
    last = shift(rung.expiry, -1) if decided is None else decided
    for session in sessions(entered, last):
        if (rung.expiry - session).days <= days:
            return session
    return last


def within_positions(rungs: Sequence[Rung], until: Sequence[date], rules: RiskRules) -> list[int]:
    """The numbers of the rungs, in their order, that the limits on positions let in."""
    taken: list[int] = []
    for number, rung in enumerate(rungs):
        beside = [n for n in taken if until[n] > rung.planned_on]
        of_ticker = sum(rungs[n].ticker == rung.ticker for n in beside)
        if len(beside) < rules.max_positions and of_ticker < rules.max_positions_per_ticker:
            taken.append(number)
    return taken


def ladder_needs(
    rungs: Sequence[Rung],
    until: Sequence[date],
    closes: Mapping[date, Mapping[str, MarketClose]],
    rules: RiskRules,
    chain: ChainRules,
) -> LadderNeeds | None:
    """What `rungs` need, each open from the session after its plan to the close of `until`.

    Args:
        rungs: at least one for a result, else None.
        until: the last close of each rung, see :func:`last_close`.
        closes: by session and ticker; a rung without a close counts its maximum loss in a gap.
        rules: the limits of the account.
        chain: prices the rungs in a gap; see :func:`gap_losses`.
    """
    if not rungs:
        return None
    first = shift(min(rung.planned_on for rung in rungs), 1)
    days = sessions(first, max(until))
    last = max(closes, default=days[-1])
    days = [day for day in days if day <= last] or days[:1]
    is_open = np.array(
        [[rung.planned_on < day <= end for rung, end in zip(rungs, until, strict=True)]
         for day in days]
    )  # fmt: skip
    gaps = _gaps(rungs, days, is_open, closes, rules, chain)
    losses = np.array([rung.max_loss_usd for rung in rungs])
    counts, power = is_open.sum(axis=1), is_open @ losses
    at = int(np.argmax(counts))
    asked = _accounts(rungs, is_open, losses, float(gaps.max()), rules)
    bound_by = max(asked, key=lambda name: asked[name])
    moves = dict(zip(rules.gap.moves, gaps.max(axis=0).tolist(), strict=True))
    return LadderNeeds(
        rungs=int(counts[at]),
        at=days[at],
        buying_power_usd=float(power.max()),
        gap_usd=moves,
        account_usd=asked[bound_by],
        bound_by=bound_by,
    )


def _gaps(
    rungs: Sequence[Rung],
    days: Sequence[date],
    is_open: np.ndarray,
    closes: Mapping[date, Mapping[str, MarketClose]],
    rules: RiskRules,
    chain: ChainRules,
) -> Floats:
    """The loss of everything open in each session at each move, USD, shape [sessions, moves]."""
    total = np.zeros((len(days), len(rules.gap.moves)))
    # Shown also where no limit is set.
    asked = replace(rules, gap=replace(rules.gap, max_loss_pct=1.0))
    held: list[HeldSpreads] = []
    rows: list[int] = []
    for day, rung in zip(*np.nonzero(is_open), strict=True):
        own = rungs[rung]
        close = closes.get(days[day], {}).get(own.ticker)
        if close is None:
            total[day] += own.max_loss_usd
            continue
        held.append(HeldSpreads(own.ticker, own.legs, 1, DatedClose(days[day], close)))
        rows.append(int(day))
    lost = np.array(gap_losses(held, asked, chain)).reshape(len(rows), total.shape[1])
    np.add.at(total, rows, lost)
    return total


def _accounts(
    rungs: Sequence[Rung], is_open: np.ndarray, losses: Floats, gap_usd: float, rules: RiskRules
) -> dict[str, float]:
    """By setting the account that the fullest session needs for it, USD."""

    def most(labels: Sequence[object]) -> float:
        """The largest sum of maximum losses of one label in one session."""
        columns = [np.array([own == label for own in labels]) for label in set(labels)]
        return max(float((is_open[:, mask] @ losses[mask]).max()) for mask in columns)

    limits = rules.greeks
    greeks = np.abs(is_open @ np.array([rung.greeks_usd for rung in rungs])).max(axis=0)
    asked = {
        "plan.sizing.risk_pct": (max(rung.sizing_usd for rung in rungs), 1.0),
        "risk.max_trade_risk_pct": (float(losses.max()), rules.max_trade_risk_pct),
        "risk.max_ticker_risk_pct": (most([r.ticker for r in rungs]), rules.max_ticker_risk_pct),
        "risk.max_expiry_risk_pct": (most([r.expiry for r in rungs]), rules.max_expiry_risk_pct),
        "risk.max_group_risk_pct": (
            most([rules.group(r.ticker) for r in rungs]), rules.max_group_risk_pct,
        ),
        "risk.max_total_risk_pct": (most([None] * len(rungs)), rules.max_total_risk_pct),
        "risk.greeks.delta_pct": (float(greeks[0]), limits.delta_pct),
        "risk.greeks.gamma_pct": (float(greeks[1]), limits.gamma_pct),
        "risk.greeks.vega_pct": (float(greeks[2]), limits.vega_pct),
        "risk.greeks.theta_pct": (float(greeks[3]), limits.theta_pct),
        "buying power": (most([None] * len(rungs)), 1.0),
    }  # fmt: skip
    if rules.gap.max_loss_pct is not None:
        asked["risk.gap.max_loss_pct"] = (max(gap_usd, 0.0), rules.gap.max_loss_pct)
    return {name: usd / share for name, (usd, share) in asked.items()}
