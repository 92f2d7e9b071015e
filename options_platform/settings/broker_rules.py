"""Settings of trading at a broker: which account, paper or live, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass

from options_platform.domain.valuation import ValuationRules

LIVE_SWITCH = "OPTIONS_LIVE_MONEY"
"""The third switch of live trading: a variable of the environment alone, never in a file."""


LIVE_NOTE = "LIVE TRADING: these orders move REAL MONEY."
"""What everything says that may move real money."""


@dataclass(frozen=True)
class LiveRules:
    """What every broker that can move real money asks for first.

    Live trading needs `live` here and the account's number in `accounts`, both from the settings'
    file and not from the environment, and the same number in the variable OPTIONS_LIVE_MONEY. An
    entry whose maximum loss is above `live_max_order_usd` is never sent live. `accounts` also binds
    paper trading if it is set.
    """

    live: bool = False
    accounts: tuple[str, ...] = ()
    live_max_order_usd: float = 500.0


@dataclass(frozen=True)
class AlpacaRules(LiveRules):
    """Trading at Alpaca; paper unless three things agree.

    `fake_address` sends everything to a server on this machine (`options-platform fake-alpaca`).
    Reading is tried again after `retry_seconds`, then twice as long; sending never is.
    """

    fake_address: str = ""
    timeout_seconds: float = 15.0
    retry_seconds: float = 0.1

    def __post_init__(self) -> None:
        if not self.timeout_seconds > 0:
            raise ValueError("timeout_seconds is more than 0")
        if self.retry_seconds < 0:
            raise ValueError("retry_seconds is not negative")
        if not self.live_max_order_usd > 0:
            raise ValueError("live_max_order_usd is more than 0")
        if self.live and not self.accounts:
            raise ValueError("live trading needs the account's number in alpaca.accounts")


@dataclass(frozen=True)
class IntradayRules(ValuationRules):
    """Quotes older than `max_quote_age_seconds` and last prices older than `max_spot_age_seconds`
    decide nothing.

    Alpaca's free quotes of options are a quarter of an hour old; last prices of stocks are of now.
    """

    max_quote_age_seconds: float = 1200.0
    max_spot_age_seconds: float = 300.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("max_quote_age_seconds", "max_spot_age_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is more than 0")


@dataclass(frozen=True)
class ReconcileRules:
    """How closely ledger and broker have to agree before new entries.

    Cash may differ by `cash_tolerance_usd` (interest is known late), and be more by the fees that
    are counted here; clocks may differ by `clock_tolerance_seconds`. Final orders are compared over
    the last `lookback_days`. That the broker's list lacks a contract is a doubt and ends nothing;
    a spread that it shows without its bought contract for `doubt_seconds`, at two looks or more,
    is closed whole.
    """

    cash_tolerance_usd: float = 50.0
    clock_tolerance_seconds: float = 60.0
    lookback_days: int = 10
    doubt_seconds: float = 900.0

    def __post_init__(self) -> None:
        if not (self.cash_tolerance_usd >= 0 and self.clock_tolerance_seconds > 0):
            raise ValueError("tolerances are not negative")
        if not self.doubt_seconds >= 0:
            raise ValueError("doubt_seconds is not negative")
        if self.lookback_days < 1:
            raise ValueError("lookback_days is at least 1")
