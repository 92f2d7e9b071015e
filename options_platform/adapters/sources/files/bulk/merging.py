"""Joins the new quotes of an import with those that a month file holds already.

Quotes are replaced by expiry: where the new file has another quote of one contract, all calls (or
puts) of that session, expiry and root are taken from it, so that no smile mixes the quotes of two
times. All others are kept. To merge the same quotes twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

EXPIRY = ["session", "expiry", "right", "root"]
# An OCC symbol ends with expiry, right and strike in 15 characters.
SYMBOL_TAIL = 15


@dataclass(frozen=True)
class Merged:
    """The stored quotes that are `kept`, those that are `lost`, and the number of the `same`.

    `lost` are replaced by quotes with other values, `same` by equal ones; `unreplaced` is the
    number of lost quotes whose contract the new file does not have.
    """

    kept: pl.DataFrame
    lost: pl.DataFrame
    same: int
    unreplaced: int


def merge(stored: pl.DataFrame, new: pl.DataFrame) -> Merged:
    """What becomes of the stored quotes if the new ones are added.

    Both have `session`, `expiry`, `right` and `strike`, and any other columns of a chain.
    """
    columns = list(dict.fromkeys([*stored.columns, *new.columns]))
    in_both = stored["session"].is_in(new["session"].unique().implode())
    before, after = _with_root(stored.filter(in_both)), _with_root(new)
    if before["root"].null_count() or after["root"].null_count():
        # Without symbols on both sides roots cannot be told apart.
        before, after = (one.with_columns(root=pl.lit("")) for one in (before, after))
    # A column that only one of the files has is unknown in the other.
    before, after = (
        pl.concat([one, other.clear()], how="diagonal").select(*columns, "root")
        for one, other in ((before, after), (after, before))
    )
    contract = [*EXPIRY, "strike"]
    different = before.join(after, on=columns, how="anti", nulls_equal=True)
    revised = different.join(after, on=contract, how="semi")
    lost = different.join(revised, on=EXPIRY, how="semi")
    untouched = different.join(revised, on=EXPIRY, how="anti")
    return Merged(
        pl.concat([stored.filter(~in_both), untouched.select(stored.columns)]),
        lost.select(stored.columns),
        same=before.height - different.height,
        unreplaced=lost.join(after, on=contract, how="anti").height,
    )


def _with_root(quotes: pl.DataFrame) -> pl.DataFrame:
    if "contract_symbol" not in quotes.columns:
        return quotes.with_columns(root=pl.lit(None, dtype=pl.String))
    symbols = pl.col("contract_symbol").str.strip_chars()
    return quotes.with_columns(root=symbols.str.head(-SYMBOL_TAIL).str.strip_chars())
