"""The checks of a rehearsal: what has to hold at any moment and at its end, each able to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import close_time
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.gaps import HeldSpreads, gap_losses
from options_platform.domain.trading.netting import opposed, sides_of
from options_platform.domain.trading.orders import WORKING, Order, rule_set_of
from options_platform.fake_alpaca.answers import Json, number
from options_platform.fake_alpaca.book import FakeBook
from options_platform.fake_alpaca.checks import OPEN
from options_platform.fake_alpaca.symbols import size
from options_platform.services.planning.plan_tables import Market
from options_platform.services.rehearsal.result import Breach, SessionRow, Verdict
from options_platform.services.rehearsal.watch import (
    ORDERS,
    RUNS,
    UNCOVERED,
    AcceptedEntry,
    BrokerWatch,
)
from options_platform.settings import Settings

LIMITS, KILL_SWITCH, AGREEMENT, CASH = "limits", "kill switch", "agreement", "cash"
EXPOSED = "exposed"
HALF_A_CENT = 0.005
SLACK = 1e-6
BEYOND = 1.05
"""The switch has to have tripped where a loss is so many times its line: marks differ in cents."""


@dataclass(frozen=True)
class Ended:
    """A rehearsal at its end: both sides' books, what was watched, the sessions, the closes."""

    settings: Settings
    book: FakeBook
    ledger: Ledger
    watch: BrokerWatch
    sessions: Sequence[SessionRow]
    closes: Market
    now: datetime


def verdicts_of(ended: Ended) -> tuple[Verdict, ...]:
    """All checks, in the order of the page."""
    return (
        _cover(ended),
        _orders(ended),
        _runs(ended),
        _limits(ended),
        _kill_switch(ended),
        _agreement(ended),
        _cash(ended),
        _exposed(ended),
    )


def _cover(ended: Ended) -> Verdict:
    breaches = tuple(each for each in ended.watch.breaches if each.check == UNCOVERED)
    return Verdict(
        UNCOVERED,
        "At no moment is a sold contract without cover at the broker, nor would one be if an order "
        "filled.",
        f"{ended.watch.looks} looks at the broker's books, after each fill, assignment and process",
        breaches,
    )


def _orders(ended: Ended) -> Verdict:
    """No order is lost, and none is sent twice: the broker's orders against the ledger's."""
    breaches = [each for each in ended.watch.breaches if each.check == ORDERS]
    theirs = {str(o["client_order_id"]): o for o in ended.book.orders.values()}
    ours = {o.client_order_id: o for o in ended.ledger.orders() if o.status != "not_sent"}
    for order_id, order in ours.items():
        shown = theirs.get(order_id)
        filled = 0 if shown is None else int(number(shown["filled_qty"]))
        if filled != order.filled_qty:
            breaches.append(Breach(ORDERS, ended.now, (
                f"order {order_id} has filled {filled} at the broker and {order.filled_qty} in the "
                "ledger")))  # fmt: skip
    return Verdict(
        ORDERS,
        "No order is lost or sent twice: of each position and purpose one works at most, an entry "
        "fills no more than was planned, and no more is closed than was opened.",
        f"{len(theirs)} orders at the broker, {len(ours)} in the ledger that may have been sent",
        tuple(breaches),
    )


def _runs(ended: Ended) -> Verdict:
    return Verdict(
        RUNS,
        "The daily run of each evening comes to its end, once the broker answers at the latest: "
        "what it has not decided, nothing closes.",
        f"{len(ended.sessions)} evenings",
        tuple(each for each in ended.watch.breaches if each.check == RUNS),
    )


def _limits(ended: Ended) -> Verdict:
    """Each accepted entry against the limits, its losses computed from legs and prices."""
    equities = {row.session: row.equity_usd for row in ended.sessions}
    breaches: list[Breach] = []
    highest = 0.0
    for entry in ended.watch.entries:
        account = min(ended.settings.account_value_usd, equities[entry.session])
        highest = max(highest, sum(each.loss_usd for each in entry.spreads) / account)
        breaches += [
            Breach(LIMITS, entry.at, f"entry {entry.order_id}: {text}")
            for text in broken_limits(entry, account, ended.settings, ended.closes)
        ]
    return Verdict(
        LIMITS,
        "Each entry that the broker accepts is within the account's limits: positions; risk of the "
        "trade, its ticker, expiry and group, and of all; the gap through all, where it is set. "
        "It is within those of its rule set, and opposes no contract of another position.",
        f"{len(ended.watch.entries)} accepted entries; at most {100 * highest:.1f}% of the account "
        f"at risk, the limit is {100 * ended.settings.risk.max_total_risk_pct:.1f}%",
        tuple(breaches),
    )


def broken_limits(
    entry: AcceptedEntry, account_usd: float, settings: Settings, closes: Market
) -> list[str]:
    """What an accepted entry breaks of the limits, in words; fees are left out of its losses."""
    rules, spreads = settings.risk, entry.spreads
    own = [each for each in spreads if each.position_id == entry.position_id]
    ticker, expiry = own[0].ticker, own[0].expiry
    group = rules.group(ticker)
    of_ticker = [each for each in spreads if each.ticker == ticker]
    counts = (
        ("positions", spreads, rules.max_positions),
        (f"positions of {ticker}", of_ticker, rules.max_positions_per_ticker),
    )
    risks = (
        ("of the trade", own, rules.max_trade_risk_pct),
        (f"of {ticker}", of_ticker, rules.max_ticker_risk_pct),
        (f"of {expiry}", [s for s in spreads if s.expiry == expiry], rules.max_expiry_risk_pct),
        (
            f"of {group}",
            [each for each in spreads if rules.group(each.ticker) == group],
            rules.max_group_risk_pct,
        ),
        ("of all positions", spreads, rules.max_total_risk_pct),
    )
    broken = []
    for name, counted, most in counts:
        count = len({each.position_id for each in counted})
        if count > most:
            broken.append(f"{count} {name}, the limit is {most}")
    for name, summed, share in risks:
        loss = sum(each.loss_usd for each in summed)
        if loss > (share + SLACK) * account_usd:
            limit = share * account_usd
            broken.append(f"the risk {name} is {loss:,.2f} USD, the limit is {limit:,.2f}")
    broken += _broken_of_set(entry, account_usd, settings)
    return broken + _broken_gap(entry, account_usd, settings, closes)


def _broken_of_set(entry: AcceptedEntry, account_usd: float, settings: Settings) -> list[str]:
    """What an entry breaks of the limits of its rule set, and contracts that another position or
    entry has on the other side."""
    name = rule_set_of(entry.position_id)
    limits = settings.of_set(name).limits
    of_set = [each for each in entry.spreads if rule_set_of(each.position_id) == name]
    others = [
        sides_of(each.ticker, each.legs)
        for each in entry.spreads
        if each.position_id != entry.position_id
    ]
    own = next(each for each in of_set if each.position_id == entry.position_id)
    broken: list[str] = []
    count, loss = len({s.position_id for s in of_set}), sum(s.loss_usd for s in of_set)
    if limits.max_positions is not None and count > limits.max_positions:
        broken.append(f"{count} positions of {name}, its limit is {limits.max_positions}")
    if limits.max_total_risk_pct is not None:
        budget_usd = settings.share_of(name) * account_usd
        if loss > (limits.max_total_risk_pct + SLACK) * budget_usd:
            limit = limits.max_total_risk_pct * budget_usd
            broken.append(f"the risk of {name} is {loss:,.2f} USD, its limit is {limit:,.2f}")
    crossed = sorted(opposed(sides_of(own.ticker, own.legs), others))
    return broken + [f"another position is on the other side of {symbol}" for symbol in crossed]


def _broken_gap(
    entry: AcceptedEntry, account_usd: float, settings: Settings, closes: Market
) -> list[str]:
    """Whether one gap through all positions may cost more than its limit because of an entry."""
    limit = settings.risk.gap.max_loss_pct
    if limit is None:
        return []
    held = [
        HeldSpreads(
            each.ticker,
            each.legs,
            each.contracts,
            DatedClose(entry.session, closes[entry.session][each.ticker]),
        )
        for each in entry.spreads
    ]
    losses = gap_losses(held, settings.risk, settings.plan.chain)
    worst = max(map(sum, zip(*losses, strict=True)))
    others = [
        loss
        for loss, each in zip(losses, entry.spreads, strict=True)
        if each.position_id != entry.position_id
    ]
    before = max(map(sum, zip(*others, strict=True)), default=0.0)
    if worst <= before or worst <= (limit + SLACK) * account_usd:
        return []
    return [f"one gap costs {worst:,.2f} USD, the limit is {limit * account_usd:,.2f}"]


def _kill_switch(ended: Ended) -> Verdict:
    """The switch trips at its line by the broker's equity, and entries stop; exits go on."""
    rules, sessions = ended.settings.risk.kill_switch, ended.sessions
    breaches: list[Breach] = []
    peak, before = sessions[0].broker_equity_usd, sessions[0].broker_equity_usd
    worst_day = worst_fall = 0.0
    for row in sessions[1:]:
        equity = row.broker_equity_usd
        peak = max(peak, equity)
        day, fall = 1.0 - equity / before, 1.0 - equity / peak
        worst_day, worst_fall = max(worst_day, day), max(worst_fall, fall)
        is_beyond = (
            day > BEYOND * rules.max_daily_loss_pct or fall > BEYOND * rules.max_drawdown_pct
        )
        if is_beyond and row.halted is None:
            breaches.append(Breach(KILL_SWITCH, close_time(row.session), (
                f"on {row.session} the account had lost {100 * day:.2f}% in a day and "
                f"{100 * fall:.2f}% from its peak, and entries were not halted")))  # fmt: skip
        before = equity
    breaches += [
        Breach(KILL_SWITCH, entry.at, f"entry {entry.order_id} was accepted after the halt")
        for entry in ended.watch.entries
        if entry.after_halt
    ]
    breaches += _left_open(ended)
    halts = [row for row in sessions if row.halted is not None]
    tripped = f"halted since {halts[0].session} ({halts[0].halted})" if halts else "never tripped"
    return Verdict(
        KILL_SWITCH,
        f"Entries halt once the account has lost {100 * rules.max_daily_loss_pct:g}% in a day or "
        f"{100 * rules.max_drawdown_pct:g}% from its peak; positions are still closed.",
        f"worst day {100 * worst_day:.2f}%, worst fall from the peak {100 * worst_fall:.2f}%; "
        f"{tripped}",
        tuple(breaches),
    )


def _left_open(ended: Ended) -> list[Breach]:
    """Positions whose exit was decided in the month's sessions and that nothing closes any more."""
    working = {
        str(order["client_order_id"])
        for order in ended.book.orders.values()
        if order["status"] in OPEN
    }
    last: dict[str, Order] = {}
    leaving = set()
    for order in ended.ledger.orders():
        if order.purpose != "entry":
            last[order.position_id] = order
            if order.client_order_id in working or order.status in WORKING:
                leaving.add(order.position_id)
    newest = ended.sessions[-1].session
    return [
        Breach(KILL_SWITCH, ended.now, (
            f"position {p.position_id} is open, its exit {last[p.position_id].client_order_id} is "
            f"{last[p.position_id].status}, and nothing closes it"))
        for p in ended.ledger.positions(only_open=True)
        if p.position_id in last
        and p.position_id not in leaving
        and last[p.position_id].session == newest
    ]  # fmt: skip


def _agreement(ended: Ended) -> Verdict:
    held = {symbol: int(q) for symbol, q in ended.book.quantities().items()}
    recorded = {symbol: q for symbol, q in ended.ledger.statement().contracts.items() if q}
    breaches = [
        Breach(AGREEMENT, ended.now, (
            f"{held.get(symbol, 0)} {symbol} at the broker and {recorded.get(symbol, 0)} in the "
            "ledger"))
        for symbol in sorted({*held, *recorded})
        if held.get(symbol, 0) != recorded.get(symbol, 0)
    ]  # fmt: skip
    at_broker = {str(o["client_order_id"]) for o in _open(ended.book.orders)}
    in_ledger = {o.client_order_id for o in ended.ledger.orders() if o.status in WORKING}
    breaches += [
        Breach(AGREEMENT, ended.now, f"order {order_id} works on one side only")
        for order_id in sorted(at_broker ^ in_ledger)
    ]
    breaches += [
        Breach(AGREEMENT, ended.now, f"{each.code}: {each.text}")
        for each in ended.ledger.differences()
    ]
    return Verdict(
        AGREEMENT,
        "At the end ledger and broker agree on contracts, shares and working orders.",
        f"{len(held)} contracts and shares held, {len(at_broker)} orders working",
        tuple(breaches),
    )


def _cash(ended: Ended) -> Verdict:
    """Profit and cash, to the cent, by three accounts of it; the fake broker charges no fees."""
    moved = ended.book.cash - ended.settings.account_value_usd
    positions = ended.ledger.positions()
    by_position = sum(p.cash_usd + p.fees_usd for p in positions)
    statement = ended.ledger.statement()
    fees = sum(o.fees_usd for o in statement.orders if o.purpose != "exercise")
    by_order = statement.cash_flow_usd + fees
    by_activity = cash_of(ended.book.activities)
    accounts = {
        "the ledger's positions": by_position,
        "the ledger's orders": by_order,
        "the broker's activities": by_activity,
    }
    breaches = [
        Breach(CASH, ended.now, (
            f"cash has changed by {moved:,.2f} USD at the broker and by {usd:,.2f} by {name}"))
        for name, usd in accounts.items()
        if abs(usd - moved) > HALF_A_CENT
    ]  # fmt: skip
    profit = sum(p.profit_usd + p.fees_usd for p in positions)
    open_value = sum(p.value_usd for p in positions)
    if abs(profit - (moved + open_value)) > HALF_A_CENT:
        breaches.append(Breach(CASH, ended.now, (
            f"the positions have made {profit:,.2f} USD before fees, and cash with their value has "
            f"changed by {moved + open_value:,.2f}")))  # fmt: skip
    return Verdict(
        CASH,
        "Profit and loss equal the cash that moved, to the cent.",
        f"cash moved by {moved:,.2f} USD, {by_position:,.2f} of it by positions; fees counted "
        f"beside it {fees:,.2f} USD",
        tuple(breaches),
    )


def _exposed(ended: Ended) -> Verdict:
    held = [row for row in ended.sessions if row.in_month and row.open_positions]
    breaches = () if held else (
        Breach(EXPOSED, ended.now, "no position was held in any session of the month, so the "
               "rehearsal shows nothing"),
    )  # fmt: skip
    return Verdict(
        EXPOSED,
        "The account holds positions that the month can hurt.",
        f"positions were held at the end of {len(held)} of "
        f"{sum(row.in_month for row in ended.sessions)} sessions",
        breaches,
    )


def cash_of(activities: Iterable[Json]) -> float:
    """What fills, deliveries and dividends have added to cash by the broker's activities, USD."""
    total = 0.0
    for each in activities:
        if each["activity_type"] == "FILL":
            sign = -1.0 if each["side"] == "buy" else 1.0
            total += sign * number(each["qty"]) * float(each["price"]) * size(each["symbol"])
        elif each["activity_type"] in ("OPTRD", "DIV"):
            total += float(each["net_amount"])
    return total


def _open(orders: Mapping[str, Json]) -> list[Json]:
    return [order for order in orders.values() if order["status"] in OPEN]
