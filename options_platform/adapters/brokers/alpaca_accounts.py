"""Which account at Alpaca may be traded."""

from __future__ import annotations

from collections.abc import Mapping

from options_platform.adapters.ports.broker import digest_of
from options_platform.errors import BrokerError
from options_platform.settings.broker_rules import LIVE_SWITCH, AlpacaRules


def require_allowed(number: str, rules: AlpacaRules, environment: Mapping[str, str]) -> None:
    """Raise BrokerError unless the account with this number may be traded under `rules`.

    If `rules` list accounts, it has to be one of them; for live trading the environment has to
    name it as well.
    """
    if rules.accounts and number not in rules.accounts:
        raise BrokerError(
            "the keys belong to an account that alpaca.accounts does not list; nothing was sent"
        )
    if rules.live and environment.get(LIVE_SWITCH) != number:
        raise BrokerError(
            f"live trading is set, but {LIVE_SWITCH} does not hold the account's number; "
            "nothing was sent"
        )


def may_be_traded(account_digest: str, rules: AlpacaRules, environment: Mapping[str, str]) -> bool:
    """Whether :func:`require_allowed` lets the account of that digest trade."""
    if rules.accounts and account_digest not in map(digest_of, rules.accounts):
        return False
    return not rules.live or digest_of(environment.get(LIVE_SWITCH, "")) == account_digest
