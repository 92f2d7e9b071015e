"""What is decided about rows that were set aside, and how decisions outlive a new fetch.

A decision belongs to a bar as it was traded: it still holds when a later split or dividend
restates the numbers. What does not belong here: the rules themselves (`domain.market.bars`,
`domain.market.outliers`).
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from options_platform.contracts import QUARANTINE
from options_platform.errors import UsageError

ACCEPTABLE = ("jump", "spike", "unadjusted_split", "no_volume", "duplicate_conflict")
PRICES = ("open", "high", "low", "close")
TOLERANCE = 1e-6
MISSING = "missing"
REPLACED = "the source has since given another bar"
GIVEN = "the source has since given the bar"

_VALUE = pl.Struct(dict.fromkeys((*PRICES, "split_factor"), pl.Float64))


def as_traded(entries: pl.DataFrame) -> pl.DataFrame:
    """`entries` of the quarantine with the prices of their bars as traded; null where unknown."""
    value = pl.col("value").str.json_decode(_VALUE)
    factor = value.struct.field("split_factor").fill_null(1.0)
    prices = {f"{name}_stored": value.struct.field(name) * factor for name in PRICES}
    return entries.with_columns(**prices)


def decisions_on(raw: pl.DataFrame, entries: pl.DataFrame | None) -> pl.DataFrame:
    """`raw` bars with `status`: accepted or rejected where that was decided, else null."""
    if entries is None or entries.filter(pl.col("status") != "open").is_empty():
        return raw.with_columns(status=pl.lit(None, pl.String))
    decided = as_traded(entries.filter(pl.col("status") != "open")).filter(
        (pl.col("status") == "accepted") | (pl.col("note").fill_null("") != REPLACED)
    )
    numbered = raw.with_row_index("row")
    found = (
        numbered.join(decided.select("date", "status", f"^({'|'.join(PRICES)})_stored$"), on="date")
        .filter(_same_traded(pl.col("split_factor").fill_null(1.0)))
        .group_by("row")
        .agg(status=pl.col("status").sort().last())
    )
    return numbered.join(found, on="row", how="left", maintain_order="left").drop("row")


def _same_traded(factor: pl.Expr) -> pl.Expr:
    pairs = ((pl.col(name) * factor, pl.col(f"{name}_stored")) for name in PRICES)
    return pl.all_horizontal(*((a - b).abs() <= TOLERANCE * b.abs() for a, b in pairs)).fill_null(
        value=False
    )


def merge_entries(
    stored: pl.DataFrame, found: pl.DataFrame, good: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """The entries to store after a fetch: new ones beside those that stand already.

    Args:
        stored: entries of the quarantine.
        found: what the fetch set aside.
        good: date and ticker of the good bars that the fetch gave; a stored bar that was kept
            over a hole in it is none of them.
        now: when.

    An entry for a bar that stands already, with the same rule and prices as traded, is not
    repeated. An open entry whose day the source has since given a good bar of is closed as
    rejected.
    """
    days = pl.concat([found.select("date", "ticker"), good.select("date", "ticker")]).unique()
    mine = stored.join(days, on=["date", "ticker"], how="semi", maintain_order="left")
    mine = mine.join(
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
    closed = mine.with_columns(
        status=pl.when(replaced).then(pl.lit("rejected")).otherwise("status"),
        decided_at=pl.when(replaced)
        .then(pl.lit(now).cast(QUARANTINE.schema["decided_at"]))
        .otherwise("decided_at"),
        note=pl.when(replaced).then(note).otherwise("note"),
    )
    prices = [f"{name}_key" for name in PRICES]
    known = _keyed(mine).select("date", "ticker", "rule", *prices)
    again = _keyed(found).join(
        known,
        on=["date", "ticker", "rule", *prices],
        how="anti",
        nulls_equal=True,
        maintain_order="left",
    )
    # A rejected bar keeps its first entry, under the rule that it broke.
    again = again.filter(pl.col("rule") != "rejected")
    names = QUARANTINE.schema.names()
    return pl.concat([closed.select(names), again.select(names)])


def _keyed(entries: pl.DataFrame) -> pl.DataFrame:
    traded = as_traded(entries)
    return traded.with_columns(
        pl.col(f"{name}_stored").round_sig_figs(6).alias(f"{name}_key") for name in PRICES
    )


def decide(entries: pl.DataFrame, *, status: str, note: str | None, now: datetime) -> pl.DataFrame:
    """`entries` with the decision; :class:`UsageError` where one cannot be accepted."""
    if entries.is_empty():
        raise UsageError("no such row in the quarantine; see: options-platform quarantine list")
    hopeless = entries.filter(
        ~pl.col("rule").is_in(ACCEPTABLE) | (pl.col("severity") != "set_aside")
    )
    if status == "accepted" and hopeless.height:
        day, ticker, rule = hopeless.select("date", "ticker", "rule").row(0)
        raise UsageError(
            f"{day} {ticker} cannot be accepted: {rule} leaves no bar to trade on; correct the "
            "source, or reject it"
        )
    doubled = entries.filter(pl.struct("date", "ticker").is_duplicated())
    if status == "accepted" and doubled.height:
        day, ticker = doubled.select("date", "ticker").row(0)
        raise UsageError(
            f"{day} {ticker} has several rows in the quarantine; name one by its --close"
        )
    return entries.with_columns(
        status=pl.lit(status),
        decided_at=pl.lit(now).cast(QUARANTINE.schema["decided_at"]),
        note=pl.lit(note, pl.String),
    )


def with_close(entries: pl.DataFrame, close: float | None) -> pl.DataFrame:
    """`entries` whose bar has that close; all of them without one."""
    if close is None:
        return entries
    given = pl.col("value").str.json_decode(_VALUE).struct.field("close")
    return entries.filter((given - close).abs() <= TOLERANCE * abs(close))
