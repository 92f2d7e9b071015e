"""An account that may be traded is allowed by its number and by its digest alike."""

import pytest

from options_platform.adapters.brokers.alpaca_accounts import may_be_traded, require_allowed
from options_platform.adapters.ports.broker import digest_of
from options_platform.errors import BrokerError
from options_platform.settings.broker_rules import LIVE_SWITCH, AlpacaRules

PAPER = AlpacaRules()
LISTED = AlpacaRules(accounts=("123", "456"))
LIVE = AlpacaRules(live=True, accounts=("123",))


@pytest.mark.parametrize(
    ("rules", "environment", "is_allowed"),
    [
        (PAPER, {}, True),
        (LISTED, {}, True),
        (AlpacaRules(accounts=("456",)), {}, False),
        (LIVE, {LIVE_SWITCH: "123"}, True),
        (LIVE, {LIVE_SWITCH: "124"}, False),
        (LIVE, {}, False),
    ],
)
def test_the_digest_of_an_account_is_allowed_where_its_number_is(rules, environment, is_allowed):
    assert may_be_traded(digest_of("123"), rules, environment) == is_allowed
    if is_allowed:
        require_allowed("123", rules, environment)
    else:
        with pytest.raises(BrokerError):
            require_allowed("123", rules, environment)
