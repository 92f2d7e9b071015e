"""The settings of features that compare tickers: who is a peer of whom."""

from __future__ import annotations

from dataclasses import dataclass, field


def _megacaps() -> dict[str, str]:
    return dict.fromkeys(("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META"), "megacap_tech")


def _sectors() -> dict[str, str]:
    return dict.fromkeys(("AAPL", "MSFT", "NVDA"), "information_technology") | dict.fromkeys(
        ("GOOGL", "META"), "communication_services"
    ) | {"AMZN": "consumer_discretionary"}  # fmt: skip


@dataclass(frozen=True)
class GroupRules:
    """Which tickers are compared. `peers` and `sectors` name the group of a ticker.

    A value over a group needs three other members on the session. `weights` are those of the
    tickers in the index behind SPY, for the implied correlation: fractions that add up to at most
    1; below 60% of the index it is null. A week in which companies with `heavy_week` of the weight
    report is pointed out for SPY.
    """

    peers: dict[str, str] = field(default_factory=_megacaps, metadata={"keys": "tickers"})
    sectors: dict[str, str] = field(default_factory=_sectors, metadata={"keys": "tickers"})
    weights: dict[str, float] = field(default_factory=dict, metadata={"keys": "tickers"})
    heavy_week: float = 0.15

    def __post_init__(self) -> None:
        if not 0.0 < self.heavy_week <= 1.0:
            raise ValueError(f"heavy_week is above 0 and at most 1, not {self.heavy_week}")
