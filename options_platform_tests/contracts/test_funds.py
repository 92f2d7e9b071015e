"""One list of funds, of which all others are parts."""

from options_platform.adapters.sources import simulated_calendar
from options_platform.contracts.funds import FUNDS, INDEX_ETFS, INDEX_FUNDS
from options_platform.domain.chain import SurfaceRules
from options_platform.domain.chain.width import LEVELS
from options_platform.domain.market import index_series
from options_platform.settings.universes import BUILT_IN


def test_whoever_asks_for_funds_asks_the_same_list():
    assert simulated_calendar.FUNDS is index_series.FUNDS is FUNDS
    assert BUILT_IN["index_etfs"] is INDEX_ETFS
    assert SurfaceRules().funds == tuple(LEVELS) == INDEX_FUNDS
    assert set(INDEX_ETFS) < set(INDEX_FUNDS) < FUNDS
    assert FUNDS.isdisjoint(name.split()[0] for name in BUILT_IN["mega_caps"])
