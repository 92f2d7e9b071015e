import hashlib
from datetime import date

import numpy as np

from options_platform.adapters.sources.simulated import SimulatedSource, _ticker_index
from options_platform.domain.earnings.anchors import with_anchors

SPAN = (date(2005, 1, 3), date(2025, 6, 30))
# Digests of the series before stocks had reports.
FUNDS = {"SPY": "e6e623c6b126ca7e", "QQQ": "e9b8c8a51a297a2b", "IWM": "2bba3be52391f192"}


def test_a_report_moves_a_stock_and_collapses_its_volatility():
    source = SimulatedSource(7)
    reports = with_anchors(source.earnings("NVDA", *SPAN))
    bars = source.bars("NVDA", *SPAN)
    is_reaction = bars["date"].is_in(reports["reaction"].implode()).to_numpy()[1:]
    moves = np.diff(np.log(bars["close"].to_numpy()))
    jump = np.sqrt(moves[is_reaction].var() - moves[~is_reaction].var())
    assert 0.04 < jump < 0.09
    iv = dict(_ticker_index(7, "NVDA").select("date", "close").iter_rows())
    pairs = reports.select("anchor", "reaction").rows()
    crush = np.median([iv[after] / iv[before] - 1.0 for before, after in pairs])
    assert -0.25 < crush < -0.15


def test_the_series_of_funds_are_what_they_were():
    source = SimulatedSource(7)
    for ticker, digest in FUNDS.items():
        csv = source.bars(ticker, date(2000, 1, 3), date(2026, 6, 30)).write_csv()
        assert hashlib.sha256(csv.encode()).hexdigest()[:16] == digest
