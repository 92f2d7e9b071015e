"""The settings: one frozen, typed object, read at one place.

Values come from `options.toml` in the working directory, overridden by environment variables
with the prefix `OPTIONS_` (a nested one with two underscores: `OPTIONS_EXITS__DEBIT_STOP`). An
empty variable counts as unset; `none` stands for an empty list or no value.
Secrets are no settings: adapters read them from the environment themselves.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from options_platform.domain.backtest.rules import BacktestOptions, BacktestRules
from options_platform.domain.calendar.closures import Closure, parse_closures
from options_platform.domain.calendar.sessions import set_closures
from options_platform.domain.chain.ingest import ChainGates
from options_platform.domain.feature_engine.iv_history import AtTheMoneyRules
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.market.bars import require_ticker
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.risk import FreshnessRules, RiskRules
from options_platform.domain.trading.alerts import AlertRules
from options_platform.domain.trading.exits import ExitRules
from options_platform.domain.trading.expiry_policy import ExpiryRules
from options_platform.domain.trading.fills import FillRules
from options_platform.domain.trading.orders import LadderRules
from options_platform.errors import SettingsError
from options_platform.settings.broker_rules import (
    LIVE_SWITCH,
    AlpacaRules,
    IntradayRules,
    ReconcileRules,
)
from options_platform.settings.brokers import BrokerName, broker_entry
from options_platform.settings.file import require_safe_home, toml_values
from options_platform.settings.live_switches import require_live_by_file
from options_platform.settings.sources import SOURCES, SourceName, source_entry

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PREFIX = "OPTIONS_"
FILE_NAME = "options.toml"

# Variables with our prefix that steer the tests, and those that no file may hold: the switch of
# live trading, and the addresses of alerts, which are secrets.
ALERT_URLS = "OPTIONS_ALERT_URLS"
NOT_SETTINGS = frozenset({"OPTIONS_REFERENCE_DATA", "OPTIONS_REQUIRE_ALL", LIVE_SWITCH, ALERT_URLS})


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. `start` and `end` bound the partitions of every asset.

    `closures` names closures of the exchange that were announced after this version was made,
    such as `2026-12-09 announced 2026-12-01`.
    """

    home: Path = Path(".options")
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
    iron_condor_enabled: bool = False
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
            fills=self.fills,
            costs=self.plan.costs,
            chain=self.plan.chain,
            assignment=self.backtest.assignment,
            entry_order=self.backtest.entry_order,
            buying_power=self.backtest.buying_power,
            resume_after_sessions=self.backtest.resume_after_sessions,
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

    @property
    def iv_symbols(self) -> dict[str, str]:
        """The volatility index of each ticker; the VIX where none is set."""
        return {ticker: self.iv_symbol.get(ticker, "VIX") for ticker in self.tickers}


def load_settings(
    directory: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings of `directory` (default: the working directory) and the environment.

    The calendar of the process gets the closures that they name.
    Raises :class:`SettingsError` on a file that is no TOML, an unknown key (naming the nearest
    known one), a value of the wrong type or out of its range, and a variable that would make
    trading live, which only the file may.
    """
    directory = Path.cwd() if directory is None else directory
    environment = os.environ if environment is None else environment
    values, variables = _from_file(directory / FILE_NAME), _from_environment(environment)
    require_live_by_file(values, variables, FILE_NAME)
    _merge(values, variables)
    settings = make_settings(values, directory=directory)
    set_closures(settings.unplanned_closures)
    return settings


@cache
def _validator() -> TypeAdapter[Settings]:
    """Built once: it costs more than all that is validated with it."""
    from pydantic import TypeAdapter

    return TypeAdapter(Settings)


def make_settings(values: Mapping[str, Any], *, directory: Path | None = None) -> Settings:
    """Settings from plain values, defaults filled in; `home` is taken relative to `directory`."""
    from pydantic import ValidationError

    merged = _filled(values, Settings())
    source = source_entry(str(merged.get("source", Settings.source)))
    if source is not None:
        for name in ("start", "end", "tickers"):
            if getattr(source, name) is not None:
                merged.setdefault(name, getattr(source, name))
    try:
        settings = _validator().validate_python(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"setting {where}: {first['msg']} (got {first['input']!r}); set it in {FILE_NAME} "
            f"or as {PREFIX}{where.upper().replace('.', '__')}"
        ) from error
    _require_sensible(settings)
    settings = replace(settings, plan=_with_account(settings, merged.get("plan", {})))
    try:
        settings.plan.require_tradable()
    except ValueError as error:
        raise SettingsError(f"setting plan.selection: {error}") from error
    home = ((directory or Path.cwd()) / settings.home.expanduser()).resolve()
    require_safe_home(home)
    return replace(settings, home=home)


def _filled(values: Mapping[str, Any], defaults: Any, *, where: str = "") -> dict[str, Any]:
    """`values` with their mappings completed, such as a multiplier given for one regime only."""
    filled = dict(values)
    for key, value in values.items():
        default = getattr(defaults, key, None)
        if not isinstance(value, Mapping):
            continue
        if is_dataclass(default):
            filled[key] = _filled(value, default, where=f"{where}{key}.")
        elif isinstance(default, dict) and default:
            for name in value:
                if name not in default:
                    _raise_unknown(f"setting {where}{key}: ", str(name), list(default))
            filled[key] = {**default, **value}
    return filled


def _with_account(settings: Settings, given: Mapping[str, Any]) -> PlanRules:
    """The plan's rules with the settings of the account, which have one place: the top."""
    places = {
        "sizing": ("account_value_usd", "max_risk_usd"),
        "selection": ("iron_condor_enabled",),
    }
    for part, names in places.items():
        for name in names:
            if name in given.get(part, {}):
                raise SettingsError(f"setting plan.{part}.{name}: set {name} itself instead")
    plan = settings.plan
    sizing = replace(
        plan.sizing,
        account_value_usd=settings.account_value_usd,
        max_risk_usd=settings.max_risk_usd,
    )
    selection = replace(plan.selection, iron_condor_enabled=settings.iron_condor_enabled)
    return replace(plan, sizing=sizing, selection=selection)


def _require_sensible(settings: Settings) -> None:
    if not settings.tickers:
        raise SettingsError("setting tickers: at least one ticker is needed, e.g. SPY,QQQ")
    for ticker in (*settings.tickers, *settings.iv_symbol.values()):
        require_ticker(ticker)
    if len(set(settings.tickers)) != len(settings.tickers):
        raise SettingsError("setting tickers: a ticker is listed twice")
    if settings.end is not None and settings.end < settings.start:
        raise SettingsError(f"setting end: {settings.end} lies before start {settings.start}")
    _require_sensible_sources(settings)
    try:
        parse_closures(settings.closures)
    except ValueError as error:
        raise SettingsError(f"setting closures: {error}") from error
    for name in ("account_value_usd", "max_risk_usd"):
        value = getattr(settings, name)
        if value is not None and not 0 < value < math.inf:
            raise SettingsError(f"setting {name}: a number more than 0 USD")
    if settings.account.startswith(("replay", "live")):
        raise SettingsError("setting account: replay and live name ledgers of their own")
    if not 30 <= settings.chain_snapshot_minutes <= 450:
        raise SettingsError(
            "setting chain_snapshot_minutes: 30 to 450 minutes after the close of 16:00"
        )
    if settings.workers < 1:
        raise SettingsError("setting workers: at least 1")
    unknown = sorted(set(settings.iv_symbol) - set(settings.tickers))
    if unknown:
        raise SettingsError(f"setting iv_symbol: {unknown[0]} is not among the tickers")


def _require_sensible_sources(settings: Settings) -> None:
    order = (settings.source, *settings.fallback_sources)
    if len(set(order)) != len(order):
        raise SettingsError("setting fallback_sources: each source once, and not the source itself")
    if any(limit < 1 for limit in settings.requests_per_minute.values()):
        raise SettingsError("setting requests_per_minute: at least 1")
    for entry in SOURCES:
        if not entry.needs_folder:
            continue
        if entry.name in order and not settings.csv_dir:
            raise SettingsError(
                f"source {entry.name} needs a folder: set OPTIONS_CSV_DIR to the one with "
                "TICKER.csv"
            )
        if settings.second_source == entry.name and not settings.second_csv_dir:
            raise SettingsError(
                f"second_source {entry.name} needs a folder: set OPTIONS_SECOND_CSV_DIR"
            )
    if not 1 <= settings.overlap_sessions <= 250:
        raise SettingsError("setting overlap_sessions: 1 to 250 sessions")
    if not 0 < settings.cross_source_tolerance < 1:
        raise SettingsError("setting cross_source_tolerance: a fraction such as 0.002")


def _from_file(path: Path) -> dict[str, Any]:
    values = toml_values(path)
    _require_known(values, Settings, where=path.name)
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or environment[name] == "":
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        kind = _field_type(path, name)
        at = values
        for part in path[:-1]:
            at = at.setdefault(part, {})
        # A mapping's keys are data (tickers), so their case is kept.
        key = name.rsplit("__", 1)[-1] if kind is str and path[0] == "iv_symbol" else path[-1]
        at[key] = _read(environment[name], kind)
    return values


def _field_type(path: list[str], name: str) -> Any:
    kind: Any = Settings
    for depth, part in enumerate(path):
        if not is_dataclass(kind):
            if getattr(kind, "__origin__", None) is dict and depth == len(path) - 1:
                return kind.__args__[1]
            raise SettingsError(f"{name}: {'.'.join(path[:depth])} has no parts of its own")
        hints = get_type_hints(kind)
        if part not in hints:
            _raise_unknown(f"{name}: ", part, list(hints))
        kind = hints[part]
    return kind


def _read(text: str, kind: Any) -> object:
    """The text of a variable; `none` empties a list or an optional value, as blanks are unset."""
    empty = text.strip().lower() == "none"
    if get_origin(kind) is tuple:
        return [] if empty else [part.strip() for part in text.split(",") if part.strip()]
    return None if empty and type(None) in get_args(kind) else text


def _require_known(values: Mapping[str, Any], kind: type, *, where: str) -> None:
    hints = get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            _raise_unknown(f"{where}: ", key, list(hints))
        if is_dataclass(hints[key]) and isinstance(value, Mapping):
            _require_known(value, hints[key], where=f"{where} [{key}]")


def _raise_unknown(where: str, key: str, known: list[str]) -> None:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
    raise SettingsError(f"{where}unknown setting {key!r}; {hint}")


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def field_names(kind: type = Settings) -> list[str]:
    """The names of all settings, nested ones with a dot."""
    names: list[str] = []
    hints = get_type_hints(kind)
    for item in fields(kind):
        hint = hints[item.name]
        if is_dataclass(hint):
            names += [f"{item.name}.{name}" for name in field_names(hint)]  # type: ignore[arg-type]
        else:
            names.append(item.name)
    return names
