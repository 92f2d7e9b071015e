import numpy as np
import pytest

from options_platform.domain.trading.costs import CostRules


def test_fees_hold_from_their_day_on():
    rules = CostRules(1.0, {"2019-10-01": 0.65, "2013-01-01": 0.75})
    days = np.array(["2012-12-31", "2013-01-01", "2019-09-30", "2019-10-01"], "datetime64[D]")
    assert rules.fees_on(days).tolist() == [1.0, 0.75, 0.75, 0.65]
    assert CostRules().fees_on(days).tolist() == [0.65] * 4
    with pytest.raises(ValueError, match="no date"):
        CostRules(changes={"soon": 0.5})
