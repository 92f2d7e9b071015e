"""Everything that can be set, as one frozen, typed object, and the paths that follow from it.

Secrets are no settings: adapters read them from the environment themselves.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.backtest.rules import BacktestOptions, BacktestRules
from options_platform.domain.calendar.closures import Closure, parse_closures
from options_platform.domain.chain.ingest import ChainGates
from options_platform.domain.feature_engine.iv_history import AtTheMoneyRules
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.forward.links import FILE_NAME
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.risk import FreshnessRules, RiskRules
from options_platform.domain.trading.alerts import AlertRules
from options_platform.domain.trading.exit_rules import ExitRules
from options_platform.domain.trading.expiry_policy import ExpiryRules
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.domain.trading.orders import LadderRules
from options_platform.settings.broker_rules import (
    AlpacaRules,
    IntradayRules,
    ReconcileRules,
)
from options_platform.settings.brokers import BrokerName, broker_entry
from options_platform.settings.sources import SOURCES, SourceName


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. `start` and `end` bound the partitions of every asset.

    `closures` names closures of the exchange that were announced after this version was made,
    such as `2026-12-09 announced 2026-12-01`. `rule_set` names the rules to trade by
    (:mod:`options_platform.settings.rule_sets`); its settings are in the others already.
    """

    home: Path = Path(".options")
    rule_set: str = DEFAULT_RULE_SET
    source: SourceName = "yahoo"
    fallback_sources: tuple[SourceName, ...] = ()
    requests_per_minute: dict[str, int] = field(
        default_factory=lambda: {
            entry.name: entry.requests_per_minute
            for entry in SOURCES
            if entry.requests_per_minute is not None
        }
    )
    csv_dir: str = ""
    overlap_sessions: int = 10
    second_source: SourceName | Literal[""] = ""
    second_csv_dir: str = ""
    cross_source_tolerance: float = 0.002
    tickers: tuple[str, ...] = ("SPY", "QQQ", "IWM")
    start: date = date(2005, 1, 3)
    end: date | None = None
    closures: tuple[str, ...] = ()
    simulated_seed: int = 7
    iv_symbol: dict[str, str] = field(default_factory=dict)
    broker: BrokerName = "simulated"
    account: str = "paper"
    account_value_usd: float = 100_000.0
    max_risk_usd: float | None = None
    iron_condor_enabled: bool = True
    baselines: tuple[Literal["seed"], ...] = ("seed",)
    workers: int = 2
    warehouse_wait_seconds: float = 60.0
    chain_snapshot_minutes: int = 30
    chain_gates: ChainGates = field(default_factory=ChainGates)
    own_iv: AtTheMoneyRules = field(default_factory=AtTheMoneyRules)
    regime: RegimeRules = field(default_factory=RegimeRules)
    plan: PlanRules = field(default_factory=PlanRules)
    exits: ExitRules = field(default_factory=ExitRules)
    expiry: ExpiryRules = field(default_factory=ExpiryRules)
    risk: RiskRules = field(default_factory=RiskRules)
    freshness: FreshnessRules = field(default_factory=FreshnessRules)
    fills: FillRules = field(default_factory=FillRules)
    alpaca: AlpacaRules = field(default_factory=AlpacaRules)
    ladder: LadderRules = field(default_factory=LadderRules)
    reconcile: ReconcileRules = field(default_factory=ReconcileRules)
    intraday: IntradayRules = field(default_factory=IntradayRules)
    alerts: AlertRules = field(default_factory=AlertRules)
    backtest: BacktestOptions = field(default_factory=BacktestOptions)

    @property
    def backtest_rules(self) -> BacktestRules:
        """How a backtest trades: by the rules of live trading, on this account."""
        return BacktestRules(
            start_usd=self.account_value_usd,
            exits=self.exits,
            expiry=self.expiry,
            risk=self.risk,
            sizing=self.plan.sizing,
            ladder=self.ladder,
            fills=self.fills,
            costs=self.plan.costs,
            chain=self.plan.chain,
            assignment=self.backtest.assignment,
            entry_order=self.backtest.entry_order,
            buying_power=self.backtest.buying_power,
            resume_after_sessions=self.backtest.resume_after_sessions,
            chains=self.backtest.chains,
            gap_sessions=self.backtest.gap_sessions,
        )

    @property
    def warehouse_path(self) -> Path:
        """The DuckDB file with all asset tables."""
        return self.home / "warehouse.duckdb"

    @property
    def ledger_path(self) -> Path:
        """The order ledger, never rebuilt; live trading and other accounts have their own."""
        return self.home / f"ledger{'-live' if self.is_live else ''}{self._of_account}.duckdb"

    @property
    def forward_record_path(self) -> Path:
        """The forward record of all rule sets, which is only ever lengthened."""
        return self.home / FILE_NAME

    @property
    def simulated_broker_path(self) -> Path:
        """What the simulated broker knows of the account."""
        return self.home / f"simulated_broker{self._of_account}.duckdb"

    @property
    def _of_account(self) -> str:
        name = self.account
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
            name = hashlib.sha256(name.encode()).hexdigest()[:12]
        return "" if name == Settings.account else f"-{name}"

    @property
    def is_live(self) -> bool:
        """Whether orders are meant to move real money."""
        part = broker_entry(self.broker).live_rules
        return part is not None and bool(getattr(self, part).live)

    @property
    def chains_path(self) -> Path:
        """The folder of the stored option chains."""
        return self.home / "chains"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of this platform."""
        return self.home / "dagster"

    @property
    def reports_path(self) -> Path:
        """Where reports and exports are written."""
        return self.home / "reports"

    @property
    def logs_path(self) -> Path:
        """Where the rotating logs are written."""
        return self.home / "logs"

    @property
    def unplanned_closures(self) -> tuple[Closure, ...]:
        """The closures that are set."""
        return parse_closures(self.closures)
