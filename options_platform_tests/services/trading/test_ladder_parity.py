"""A ladder of a dozen open spreads trades over a year at both brokers as in the backtest.

Among its trades are assignments before ex-dates, whose dividends are owed or received, exits before
an ex-date and near a strike, and an entry that the broker rejects and the backtest does not plan.
"""

from datetime import date, datetime, time, timedelta

import polars as pl
import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.chain.occ_symbols import symbol_of
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.trading.session import TradingSession
from options_platform.testing.market import NOW
from options_platform_tests.alpaca_market import Market
from options_platform_tests.ladder_market import SPECIALS, ladder_year
from options_platform_tests.short_wire import short_wire

FIRST, LAST, GAP_ON = date(2016, 6, 1), date(2017, 5, 31), date(2017, 5, 2)
COLUMNS = ("ticker", "strategy", "opened_on", "entry_price", "contracts", "closed_on",
           "exit_reason")  # fmt: skip
WANTED = {"STOP_LOSS", "EXPIRY_NEAR", "EX_DIVIDEND", "PIN_RISK", "ASSIGNED"}
WEEKS = date(2017, 4, 10), date(2017, 5, 5)


def same_as_backtest(year, ledger):
    """Every trade and every equity is that of the backtest; the assigned trades are returned."""
    assert ledger.differences() == []
    mine = {}
    for position in ledger.positions():
        row = tuple(getattr(position, name) for name in COLUMNS)
        mine[row[:3]] = (row, position.exit_price, position.profit_usd, position.fees_usd)
    trades = year.backtest.trades.select(
        *COLUMNS, "exit_price", "pnl_usd", "fees_usd", "plan_id"
    ).rows()
    assert len(trades) == len(mine) == len(ledger.positions())
    assigned = []
    for *row, exit_price, pnl_usd, fees_usd, _ in trades:
        own, own_exit, own_pnl, own_fees = mine[tuple(row[:3])]
        assert own_fees == pytest.approx(fees_usd, abs=1e-6), row
        assert own_pnl == pytest.approx(pnl_usd, abs=0.005), (
            row,
            own,
            own_exit,
            exit_price,
            own_pnl,
            pnl_usd,
        )
        assert own[:-1] == tuple(row[:-1])
        if row[-1] == "ASSIGNED":
            # The ledger has what came of the contracts, and no price of a whole spread. A stop that
            # works at Alpaca while its contract is assigned may be what closes the rest.
            assigned.append(own)
            continue
        assert own[-1] == row[-1]
        if row[-1] is not None:
            assert own_exit == pytest.approx(exit_price, abs=1e-6)
    equity = ledger.table("marks").sort("session")["equity_usd"].to_list()
    assert year.backtest.equity["equity_usd"].to_list() == pytest.approx(equity, abs=0.005)
    rejected = [o.status for o in ledger.orders() if o.plan_id == year.rejected]
    assert rejected == ["rejected"]
    return assigned


def assignments(year):
    """By the session after whose close they come, the contracts that the backtest is assigned."""
    taken = year.backtest.trades.filter(pl.col("exit_reason") == "ASSIGNED")
    sold = taken.join(year.legs.filter(pl.col("side") == "sell"), on="plan_id")
    by_night = {}
    for row in sold.iter_rows(named=True):
        symbol = symbol_of(row["ticker"], row["expiry"], row["right"], row["strike"])
        night = by_night.setdefault(shift(row["closed_on"], -1), {})
        night[symbol] = night.get(symbol, 0) + row["contracts"]
    return by_night


def at_alpaca(tmp_path, first, last, gap_on):
    clock = {"now": datetime.combine(first, time(10), NEW_YORK)}
    server = FakeAlpaca(now=lambda: clock["now"], fills="rest")
    with server as fake, short_wire(fake):
        year = ladder_year(tmp_path, first, last, gap_on, broker="alpaca",
                           alpaca={"fake_address": fake.address})  # fmt: skip
        made = TradingSession(
            Ledger(year.settings.ledger_path, broker="alpaca"),
            open_broker(year.settings),
            year.settings,
        )
        market, nights = Market(made, fake, year.closes), assignments(year)
        with made.ledger.holding():
            for day in year.days:
                clock["now"] = datetime.combine(shift(day, 1), time(8), NEW_YORK)
                today = year.plans.filter(pl.col("date") == day)
                made.run_session(day, today, year.legs, year.closes, clock["now"])
                for order in made.ledger.working_orders():
                    if order.plan_id == year.rejected:
                        fake.script("reject", {"client_order_id": order.client_order_id})
                if day == last:
                    break
                for symbol, contracts in nights.get(day, {}).items():
                    fake.script("assign", {"symbol": symbol, "contracts": contracts})
                for ticker, close in year.closes[shift(day, 1)].items():
                    paid = {"ticker": ticker, "per_share": close.dividend}
                    fake.script("dividend", paid) if close.dividend else None
                clock["now"] += timedelta(hours=2)
                market.trade(shift(day, 1), clock)
            paid = dividends_usd(made.broker, first)
            return year, same_as_backtest(year, made.ledger), paid


def at_the_simulated_broker(tmp_path, first, last, gap_on):
    year = ladder_year(tmp_path, first, last, gap_on)
    broker = open_broker(year.settings)
    made = TradingSession(Ledger(year.settings.ledger_path), broker, year.settings)
    (rejected,) = year.plans.filter(pl.col("plan_id") == year.rejected).iter_rows(named=True)
    with made.ledger.holding(), held(broker.path, wait_seconds=10.0):
        for day in year.days:
            if day == rejected["date"]:
                broker.demand(rejected["ticker"], "reject")
            today = year.plans.filter(pl.col("date") == day)
            made.run_session(day, today, year.legs, year.closes, NOW)
        return year, same_as_backtest(year, made.ledger), dividends_usd(broker, first)


def dividends_usd(broker, since):
    return [a.amount_usd for a in broker.activities(since, fills=False) if a.kind == "DIV"]


def test_some_weeks_of_a_ladder_with_an_assignment_are_those_of_the_backtest_at_both(
    tmp_path_factory,
):
    year, assigned, received = at_alpaca(tmp_path_factory.mktemp("alpaca"), *WEEKS, GAP_ON)
    # One put, whose shares are held over an ex-date.
    assert len(assigned) == 1
    assert received == [100 * SPECIALS[date(2017, 5, 3)]]
    assert year.backtest.equity["open_positions"].max() >= 4
    _, *at_simulated = at_the_simulated_broker(tmp_path_factory.mktemp("simulated"), *WEEKS, GAP_ON)
    assert at_simulated == [assigned, received]


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("traded", [at_the_simulated_broker, at_alpaca])
def test_a_year_of_a_ladder_is_that_of_the_backtest(tmp_path, traded):
    year, assigned, paid = traded(tmp_path, FIRST, LAST, GAP_ON)
    assert len(year.days) >= 250
    assert year.backtest.equity["open_positions"].max() >= 12
    assert {*year.backtest.trades["exit_reason"].drop_nulls()} >= WANTED
    assert {row[1] for row in assigned} == {"bull_call_spread", "bull_put_spread"}
    # Ten sold calls owe their dividend, and four sold puts receive theirs.
    owed, received = SPECIALS.values()
    assert paid == [-1000 * owed, 400 * received]
