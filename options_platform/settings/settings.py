"""Everything that can be set, as one frozen, typed object, and the paths that follow from it.

Secrets are no settings: adapters read them by :func:`~options_platform.settings.read_secret`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.backtest.rules import BacktestOptions, BacktestRules, OwnRules
from options_platform.domain.calendar.closures import Closure, parse_closures
from options_platform.domain.chain.ingest import ChainGates
from options_platform.domain.earnings.rules import BlackoutRules, EarningsRules
from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.feature_engine.groups import GroupRules
from options_platform.domain.feature_engine.iv_history import AtTheMoneyRules
from options_platform.domain.feature_engine.label_rules import LabelRules
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.forward.links import FILE_NAME
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.risk import FreshnessRules, RiskRules, SetLimits
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.domain.trading.go_live_rules import GoLiveRules
from options_platform.domain.trading.orders import LadderRules
from options_platform.errors import SettingsError
from options_platform.models.report_rules import ModelRules
from options_platform.settings.broker_rules import (
    AlpacaRules,
    IntradayRules,
    ReconcileRules,
)
from options_platform.settings.brokers import BrokerName, broker_entry
from options_platform.settings.sources import SOURCES, EarningsSourceName, SourceName
from options_platform.settings.universes import BUILT_IN


@dataclass(frozen=True)
class SetRules:
    """The rules of trading of one rule set, in whose place the settings have those of `rule_set`.

    Of `plan` the parts that describe the market and the account are not used.
    """

    plan: PlanRules
    exits: ExitRules
    limits: SetLimits


def _no_file(name: str) -> SetRules:
    raise SettingsError(f"there is no rule set {name!r}")


def _none_recorded(_: str) -> ExitRules | None:
    return None


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. `start` and `end` bound the partitions of every asset.

    `closures` names closures of the exchange that were announced after this version was made,
    such as `2026-12-09 announced 2026-12-01`. `rule_set` names the rules to trade by
    (:mod:`options_platform.settings.rule_sets`); its settings are in the others already. `budgets`
    names the sets that trade at once, each with its share of the account, above 0 and together at
    most 1; without it `rule_set` trades with the whole account.
    `universes` names lists of tickers, of which `tickers` may name some among its tickers; a member
    may have the day from which on backtests trade it, as in `META from 2012-05-18`.
    `earnings_sources` are asked for earnings reports in place of `source`; the first that has a
    report of the past dates it. Among them may be edgar, the filings at the SEC, which wants to
    know a name and an e-mail address (`edgar_contact`).
    `logs_dir` is the folder of the rotating logs, by default that of the home. `reports_port` is
    the port of 127.0.0.1 at which the report is served while the web UI runs.

    No settings are: `rules_of`, which reads the rules of any set by its name and raises
    :class:`SettingsError` for one whose file has gone or cannot be used; `members_since`, the days
    of the tickers' universes, which `chosen_universes` names; `lost_sets`, which says of
    each such set of `budgets` what is wrong (it enters nothing, the others trade on); and
    `recorded_exits`, which gives the exits that a set had when it could last be read, None if they
    are not known.
    """

    home: Path = Path(".options")
    logs_dir: str = ""
    rule_set: str = DEFAULT_RULE_SET
    budgets: dict[str, float] = field(default_factory=dict)
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
    earnings_sources: tuple[EarningsSourceName, ...] = ()
    edgar_contact: str = ""
    tickers: tuple[str, ...] = ("SPY", "QQQ", "IWM")
    universes: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: dict(BUILT_IN), metadata={"keys": "own"}
    )
    start: date = date(2005, 1, 3)
    end: date | None = None
    closures: tuple[str, ...] = ()
    simulated_seed: int = 7
    iv_symbol: dict[str, str] = field(default_factory=dict, metadata={"keys": "tickers"})
    broker: BrokerName = "simulated"
    account: str = "paper"
    account_value_usd: float = 100_000.0
    max_risk_usd: float | None = None
    iron_condor_enabled: bool = True
    baselines: tuple[Literal["seed"], ...] = ("seed",)
    workers: int = 2
    warehouse_wait_seconds: float = 60.0
    reports_port: int = 3080
    chain_snapshot_minutes: int = 30
    chain_gates: ChainGates = field(default_factory=ChainGates)
    own_iv: AtTheMoneyRules = field(default_factory=AtTheMoneyRules)
    earnings: EarningsRules = field(default_factory=EarningsRules)
    blackout: BlackoutRules = field(default_factory=BlackoutRules)
    earnings_trades: EarningsTradeRules = field(default_factory=EarningsTradeRules)
    groups: GroupRules = field(default_factory=GroupRules)
    labels: LabelRules = field(default_factory=LabelRules)
    models: ModelRules = field(default_factory=ModelRules)
    regime: RegimeRules = field(default_factory=RegimeRules)
    plan: PlanRules = field(default_factory=PlanRules)
    exits: ExitRules = field(default_factory=ExitRules)
    limits: SetLimits = field(default_factory=SetLimits)
    expiry: ExpiryRules = field(default_factory=ExpiryRules)
    risk: RiskRules = field(default_factory=RiskRules)
    freshness: FreshnessRules = field(default_factory=FreshnessRules)
    fills: FillRules = field(default_factory=FillRules)
    alpaca: AlpacaRules = field(default_factory=AlpacaRules)
    ladder: LadderRules = field(default_factory=LadderRules)
    reconcile: ReconcileRules = field(default_factory=ReconcileRules)
    intraday: IntradayRules = field(default_factory=IntradayRules)
    alerts: AlertRules = field(default_factory=AlertRules)
    go_live: GoLiveRules = field(default_factory=GoLiveRules)
    backtest: BacktestOptions = field(default_factory=BacktestOptions)
    rules_of: Callable[[str], SetRules] = field(
        default=_no_file, repr=False, compare=False, metadata={"derived": True}
    )
    lost_sets: dict[str, str] = field(default_factory=dict, metadata={"derived": True})
    members_since: dict[str, date] = field(default_factory=dict, metadata={"derived": True})
    chosen_universes: tuple[str, ...] = field(default=(), metadata={"derived": True})
    recorded_exits: Callable[[str], ExitRules | None] = field(
        default=_none_recorded, repr=False, compare=False, metadata={"derived": True}
    )

    @property
    def traded_sets(self) -> tuple[str, ...]:
        """The sets that trade, in the order of their entries: the largest share first."""
        if not self.budgets:
            return (self.rule_set,)
        return tuple(sorted(self.budgets, key=lambda name: (-self.budgets[name], name)))

    def require_rule_sets(self) -> None:
        """Raise :class:`SettingsError` if a set of `budgets` cannot be read.

        For what shows how the sets trade together; the account's exits do not wait for it.
        """
        for name, why in self.lost_sets.items():
            raise SettingsError(
                f"setting budgets.{name}: {why}; mend it, or take budgets.{name} out"
            )

    def share_of(self, rule_set: str) -> float:
        """The share of the account that a set may enter positions with; 0 if it has no budget.

        Without budgets each set has all of it: one that traded before may still have orders.
        """
        return self.budgets.get(rule_set, 0.0) if self.budgets else 1.0

    def of_set(self, rule_set: str) -> Settings:
        """These settings with the rules of a set in place of those of `rule_set`.

        Its plans are sized on its share of the account. A set whose file has gone, or cannot be
        used, has the exits that were recorded of it, and the other rules of the default one.
        """
        if rule_set == self.rule_set and not self.budgets:
            return self
        rules = SetRules(self.plan, self.exits, self.limits)
        if rule_set != self.rule_set:
            rules = self._rules_or_default(rule_set)
        share = self.share_of(rule_set) or 1.0
        plan = replace(
            rules.plan,
            chain=self.plan.chain,
            costs=self.plan.costs,
            allow_undefined_risk=self.plan.allow_undefined_risk,
            undefined_risk=self.plan.undefined_risk,
            sizing=replace(
                rules.plan.sizing,
                account_value_usd=self.account_value_usd * share,
                max_risk_usd=self.max_risk_usd,
            ),
            rule_set=rule_set,
            share=share,
            blackout=self.blackout,
            earnings_trades=self._earnings_trades_of(rule_set),
        )
        limits = rules.limits
        if self.budgets:
            # A set's file narrows what the account allows, and never widens it.
            most, own = self.risk.max_total_risk_pct, limits.max_total_risk_pct
            limits = replace(limits, max_total_risk_pct=most if own is None else min(own, most))
        return replace(self, plan=plan, exits=rules.exits, limits=limits, rule_set=rule_set)

    def _earnings_trades_of(self, rule_set: str) -> EarningsTradeRules:
        """The rules of earnings trades for a set: one set of the account makes them, the first."""
        if self.budgets and rule_set != self.traded_sets[0]:
            return EarningsTradeRules()
        return self.earnings_trades

    def _rules_or_default(self, rule_set: str) -> SetRules:
        with suppress(SettingsError):
            return self.rules_of(rule_set)
        default = SetRules(self.plan, self.exits, self.limits)
        with suppress(SettingsError):
            default = self.rules_of(DEFAULT_RULE_SET)
        exits = self.recorded_exits(rule_set)
        return default if exits is None else replace(default, exits=exits)

    def alone(self, rule_set: str) -> Settings:
        """The settings of a set that trades the whole account alone, whatever the budgets are.

        Raises :class:`SettingsError` for a set that does not exist or cannot be used.
        """
        if rule_set == self.rule_set:
            return replace(self, budgets={}, lost_sets={})
        rules = self.rules_of(rule_set)
        return replace(
            self,
            rule_set=rule_set,
            budgets={},
            lost_sets={},
            plan=rules.plan,
            exits=rules.exits,
            limits=rules.limits,
        )

    @property
    def backtest_rules(self) -> BacktestRules:
        """How a backtest trades `rule_set` alone: by the rules of live trading, on this account."""
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
            limits=self.limits,
            blackout=self.blackout,
            earnings_trades=self.earnings_trades,
        )

    @property
    def account_rules(self) -> BacktestRules:
        """How a backtest trades all sets of `budgets` together; :attr:`backtest_rules` without."""
        if not self.budgets:
            return self.backtest_rules
        own = {name: self.of_set(name) for name in self.traded_sets}
        sets = {
            name: OwnRules(each.exits, each.plan.sizing, each.limits, self.share_of(name))
            for name, each in own.items()
        }
        return replace(self.backtest_rules, sets=sets)

    @property
    def warehouse_path(self) -> Path:
        """The DuckDB file with all asset tables."""
        return self.home / "warehouse.duckdb"

    @property
    def ledger_path(self) -> Path:
        """The order ledger, never rebuilt; live trading and other accounts have their own."""
        return self.home / f"ledger{'-live' if self.is_live else ''}{self._of_account}.duckdb"

    @property
    def paper_ledger_path(self) -> Path:
        """The order ledger of the account's trades for paper money."""
        return self.home / f"ledger{self._of_account}.duckdb"

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
        """Where the rotating logs are written: in the home, unless `logs_dir` is another folder."""
        return Path(self.logs_dir).expanduser() if self.logs_dir else self.home / "logs"

    @property
    def unplanned_closures(self) -> tuple[Closure, ...]:
        """The closures that are set."""
        return parse_closures(self.closures)
