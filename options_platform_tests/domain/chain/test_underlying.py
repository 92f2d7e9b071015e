from datetime import date

import numpy as np

from options_platform.domain.chain import ChainRules, TermStructure, Underlying, quote

DAYS = np.array(["2024-01-02", "2024-01-03", "2024-01-03"], dtype="datetime64[D]")
ROWS = Underlying.of(
    ["SPY", "QQQ", "SPY"],
    DAYS,
    np.array([470.0, 400.0, 468.0]),
    np.array([0.13, 0.18, 0.14]),
    TermStructure(days_93=np.array([0.15, np.nan, 0.16])),
)


def test_each_row_keeps_its_own_ticker_and_session():
    assert [ROWS.names[at] for at in ROWS.ticker] == ["SPY", "QQQ", "SPY"]
    last = ROWS.at(slice(2, 3))
    assert [last.names[at] for at in last.ticker] == ["SPY"]
    assert last.session.tolist() == [date(2024, 1, 3)]
    assert last.term.days_93.tolist() == [0.16]
    assert last.term.days_9.shape == ()


def test_one_ticker_and_session_serve_every_row():
    spot = np.array([470.0, 471.0])
    both = Underlying.of("SPY", date(2024, 1, 2), spot, np.full(2, 0.13))
    assert both.names == ("SPY",)
    assert both.at(1).spot == 471.0
    assert both.at(1).session == np.datetime64("2024-01-02")


def test_rows_as_a_column_are_priced_like_each_row_alone():
    rules, years, puts = ChainRules(), np.full((3, 1), 30 / 365), np.array([-1.0])
    strikes = np.array([[380.0, 440.0, 460.0]])
    together = quote(ROWS.column(), strikes, years, puts, rules)
    for row in range(3):
        alone = quote(ROWS.at(slice(row, row + 1)), strikes[0], years[row], puts, rules)
        assert together.mid[row].tolist() == alone.mid.tolist()
