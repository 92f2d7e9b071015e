"""The part of `record` that holds the account beside its backtest."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from options_platform.commands.common import say
from options_platform.domain.tracking.control_chart import (
    FEWEST_SESSIONS,
    ControlChart,
)
from options_platform.domain.tracking.control_chart import LEVEL as BAND_LEVEL
from options_platform.domain.tracking.early_stop import OF_BET, EarlyStop
from options_platform.domain.tracking.fill_drift import FillDrift
from options_platform.formats import count, usd
from options_platform.services.accounting.tracking import Tracking


def show_tracking(found: Tracking | None) -> None:
    """Say whether the account does what its backtest lets one expect."""
    if found is None:
        say(
            "No backtest is stored to compare it with: materialise the asset backtest in "
            "options-platform ui, or let its weekly schedule do it."
        )
        return
    sets = ", ".join(found.rule_sets)
    say(f"Beside the backtest of {sets}, {found.first} to {found.last}:")
    for line in (*_chart(found), *_stop(found.stop), *_fills(found.fills)):
        say(f"  {line}")
    if found.proposes_halt:
        say(
            "A HALT IS PROPOSED: the account does worse than its backtest allows for. To stop new "
            'entries: options-platform halt --reason "worse than the backtest"'
        )


def tracking_json(found: Tracking | None) -> dict[str, Any] | None:
    """The same for programs; the series of the chart by session."""
    if found is None:
        return None
    shown = asdict(found) | {"proposes_halt": found.proposes_halt}
    if found.chart is not None:
        for name in ("profit", "expected", "low", "high"):
            series = getattr(found.chart, name).tolist()
            shown["chart"][name] = [None if math.isnan(v) else v for v in series]
    if found.stop is not None:
        shown["stop"]["p_values"] = found.stop.p_values.tolist()
    return shown


def _chart(found: Tracking) -> list[str]:
    chart = found.chart
    if chart is None:
        return [
            f"The control chart begins with {FEWEST_SESSIONS} sessions and four years of backtest."
        ]
    sharpe, last, lines = chart.sharpe, len(chart.profit) - 1, []
    if sharpe is not None:
        lines.append(
            f"Sharpe ratio {sharpe.value:.2f} over {count(len(chart.profit), 'session')}; as many "
            f"sessions of the backtest give {sharpe.low:.2f} to {sharpe.high:.2f} (share at or "
            f"below: {chart.p_value:.3f})."
        )
    lines.append(
        f"Profit {chart.profit[last]:+.2%} of the account; expected {chart.expected[last]:+.2%}, "
        f"band {chart.low[last]:+.2%} to {chart.high[last]:+.2%}. Of honest records about "
        f"{BAND_LEVEL:.0%} at most ever fall below it."
    )
    return [*lines, *_fell(found, chart)]


def _fell(found: Tracking, chart: ControlChart) -> list[str]:
    if chart.fell_at is None:
        return []
    return [f"It fell below the band on {found.sessions[chart.fell_at - 1]}."]


def _stop(stop: EarlyStop | None) -> list[str]:
    if stop is None:
        return ["No early stop: the backtest has too few trades, or no edge that could be lost."]
    lines = []
    if stop.trades:
        lines = [
            (
                f"{count(stop.trades, 'settled trade')} made {stop.mean:+.1%} of what they risked, "
                f"{stop.bet.mean:+.1%} in the backtest, at least {stop.bet.expected:+.1%} "
                f"expected; early stop p = {stop.p_value:.3f}, a halt is proposed at {OF_BET}."
            )
        ]
    lines.append(
        f"A halved edge would be found after {stop.bet.to_find:,.0f} trades on average, at most."
        if math.isfinite(stop.bet.to_find)
        else "A halved edge cannot be told from what so short a backtest allows for."
    )
    if stop.stopped_at is not None:
        lines.append(f"The early stop was reached with trade {stop.stopped_at}.")
    return lines


def _fills(fills: FillDrift) -> list[str]:
    lines = []
    if fills.fill_rate is not None:
        rate = fills.fill_rate
        lines.append(
            f"{fills.filled} of {count(fills.entered, 'entry', 'entries')} of the backtest of the "
            f"same plans were filled: {rate.value:.0%} [{rate.low:.0%}, {rate.high:.0%}]."
        )
    if fills.cost_usd is not None:
        cost = fills.cost_usd
        text = (
            f"Fills cost {usd(cost.value)} a contract beyond the fill model [{usd(cost.low)}, "
            f"{usd(cost.high)}]"
        )
        if fills.change_usd is not None and fills.p_value is not None:
            text += (
                f"; the later half {usd(fills.change_usd)} more than the earlier "
                f"(p = {fills.p_value:.3f})"
            )
        lines.append(f"{text}.")
    return lines
