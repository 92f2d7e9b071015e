import pytest

from options_platform_tests.updating import Market


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path)
