"""The real SPXW quotes of January and February 2018 and markets on them."""

import pytest

from options_platform_tests.services.backtesting.real_files import (
    closes_of,
    imported,
    market,
    stored,
    vix_closes,
)


@pytest.fixture(scope="module")
def raw(reference_data, tmp_path_factory):
    path = reference_data / "options/spx/SPXW_2018-01_2018-02_eod.csv.gz"
    return imported(path, tmp_path_factory.mktemp("spxw"), "SPX")


@pytest.fixture(scope="module")
def index(reference_data):
    return vix_closes(reference_data)


@pytest.fixture
def spx(raw, index, tmp_path):
    """A market on the given quotes; its bars are those of the whole file."""
    return lambda quotes=raw: market(closes_of(raw, "SPX"), index, stored(quotes, tmp_path))
