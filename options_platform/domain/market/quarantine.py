"""User decisions about quarantined rows, and how they survive a new fetch.

A decision refers to a bar as it was traded, so it remains valid when a later split or dividend
restates the numbers. The rules that set bars aside are in `domain.market.bars` and
`domain.market.outliers`.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from options_platform.contracts import QUARANTINE
from options_platform.errors import UsageError

ACCEPTABLE = ("jump", "spike", "unadjusted_split", "no_volume", "duplicate_conflict")
ADVICE = {
    "unadjusted_split": "prices step to a new level and stay there: a split or a spin-off that the "
    "source does not report. In files, write its ratio into TICKER_actions.csv and divide the "
    "prices before it; or accept its first row, if the shares themselves moved so far",
    "missing": "the source has no bar of a session; one whose ticker has changed goes on under the "
    "new one, as FB under META",
}
"""What a person can do about rows that were set aside by a rule."""
PRICES = ("open", "high", "low", "close")
TOLERANCE = 1e-6
MISSING = "missing"
REPLACED = "the source has since given another bar"
GIVEN = "the source has since given the bar"

_VALUE = pl.Struct(dict.fromkeys((*PRICES, "split_factor"), pl.Float64))


def as_traded(entries: pl.DataFrame) -> pl.DataFrame:
    """Quarantine `entries` with the prices of their bars as traded, in columns `*_stored`; null
    where the bar has none."""
    value = pl.col("value").str.json_decode(_VALUE)
    factor = value.struct.field("split_factor").fill_null(1.0)
    prices = {f"{name}_stored": value.struct.field(name) * factor for name in PRICES}
    return entries.with_columns(**prices)


def decisions_on(raw: pl.DataFrame, entries: pl.DataFrame | None) -> pl.DataFrame:
    """`raw` bars with `status`: accepted or rejected by the user, null if undecided."""
    if entries is None or entries.filter(pl.col("status") != "open").is_empty():
        return raw.with_columns(status=pl.lit(None, pl.String))
    decided = as_traded(entries.filter(pl.col("status") != "open")).filter(
        (pl.col("status") == "accepted") | (pl.col("note").fill_null("") != REPLACED)
    )
    numbered = raw.with_row_index("row")
    matched = (
        numbered.join(decided.select("date", "status", f"^({'|'.join(PRICES)})_stored$"), on="date")
        .filter(_same_traded(pl.col("split_factor").fill_null(1.0)))
        .group_by("row")
        .agg(status=pl.col("status").sort().last())
    )
    return numbered.join(matched, on="row", how="left", maintain_order="left").drop("row")


def _same_traded(factor: pl.Expr) -> pl.Expr:
    pairs = ((pl.col(name) * factor, pl.col(f"{name}_stored")) for name in PRICES)
    return pl.all_horizontal(*((a - b).abs() <= TOLERANCE * b.abs() for a, b in pairs)).fill_null(
        value=False
    )


def merge_entries(
    stored: pl.DataFrame, fetched: pl.DataFrame, good: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """The quarantine entries to store after a fetch: new ones, and changed stored ones.

    An entry with the same rule and the same prices as traded as a stored one is not repeated. An
    open entry is closed as rejected once the source delivers a good bar for its day.

    Args:
        stored: entries of the quarantine.
        fetched: entries for the bars that this fetch set aside.
        good: date and ticker of the good bars in this fetch; stored bars that fill a hole in the
            fetch are not included.
        now: time of the decision for entries that are closed.
    """
    days = pl.concat([fetched.select("date", "ticker"), good.select("date", "ticker")]).unique()
    same_days = stored.join(days, on=["date", "ticker"], how="semi", maintain_order="left")
    same_days = same_days.join(
        good.select("date", "ticker", now_good=pl.lit(value=True)).unique(),
        on=["date", "ticker"],
        how="left",
        maintain_order="left",
    )
    replaced = (
        pl.col("now_good").fill_null(value=False)
        & (pl.col("status") == "open")
        & ((pl.col("severity") == "set_aside") | (pl.col("rule") == MISSING))
        & (pl.col("rule") != "no_session")
    )
    note = pl.when(pl.col("rule") == MISSING).then(pl.lit(GIVEN)).otherwise(pl.lit(REPLACED))
    closed = same_days.with_columns(
        status=pl.when(replaced).then(pl.lit("rejected")).otherwise("status"),
        decided_at=pl.when(replaced)
        .then(pl.lit(now).cast(QUARANTINE.schema["decided_at"]))
        .otherwise("decided_at"),
        note=pl.when(replaced).then(note).otherwise("note"),
    )
    prices = [f"{name}_key" for name in PRICES]
    stored_keys = _keyed(same_days).select("date", "ticker", "rule", *prices)
    new_entries = _keyed(fetched).join(
        stored_keys,
        on=["date", "ticker", "rule", *prices],
        how="anti",
        nulls_equal=True,
        maintain_order="left",
    )
    # A bar rejected by the user keeps its first entry, with the rule that it broke.
    new_entries = new_entries.filter(pl.col("rule") != "rejected")
    names = QUARANTINE.schema.names()
    return pl.concat([closed.select(names), new_entries.select(names)])


def _keyed(entries: pl.DataFrame) -> pl.DataFrame:
    traded = as_traded(entries)
    return traded.with_columns(
        pl.col(f"{name}_stored").round_sig_figs(6).alias(f"{name}_key") for name in PRICES
    )


def decide(entries: pl.DataFrame, *, status: str, note: str | None, now: datetime) -> pl.DataFrame:
    """`entries` with the user's decision.

    Raises :class:`UsageError` if there are no entries, or if an entry to be accepted has no usable
    bar or shares its day with another one.
    """
    if entries.is_empty():
        raise UsageError("no such row in the quarantine; see: options-platform quarantine list")
    unusable = entries.filter(
        ~pl.col("rule").is_in(ACCEPTABLE) | (pl.col("severity") != "set_aside")
    )
    if status == "accepted" and unusable.height:
        day, ticker, rule = unusable.select("date", "ticker", "rule").row(0)
        raise UsageError(
            f"{day} {ticker} cannot be accepted: {rule} leaves no bar to trade on; correct the "
            "source, or reject it"
        )
    ambiguous = entries.filter(pl.struct("date", "ticker").is_duplicated())
    if status == "accepted" and ambiguous.height:
        day, ticker = ambiguous.select("date", "ticker").row(0)
        raise UsageError(
            f"{day} {ticker} has several rows in the quarantine; name one by its --close"
        )
    return entries.with_columns(
        status=pl.lit(status),
        decided_at=pl.lit(now).cast(QUARANTINE.schema["decided_at"]),
        note=pl.lit(note, pl.String),
    )


def with_close(entries: pl.DataFrame, close: float | None) -> pl.DataFrame:
    """The entries whose bar has this close; all entries if `close` is None."""
    if close is None:
        return entries
    bar_close = pl.col("value").str.json_decode(_VALUE).struct.field("close")
    return entries.filter((bar_close - close).abs() <= TOLERANCE * abs(close))
