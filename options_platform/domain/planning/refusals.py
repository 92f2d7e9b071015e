"""What a rule that refuses a plan is.

`selection` lists those that are asked of predictions, `plan` those that are asked of a priced
spread. The plan refuses by them and the rule trace reports them, both from these lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

RULE_SET_LOST = "RULE_SET_LOST"
"""Refuses all plans and entries of a set whose file has gone or cannot be read."""


@dataclass(frozen=True)
class RefusalRule:
    """One rule: it refuses a row of a plan with `code` where `refuses` is true.

    `value` is what the rule looks at, as text, null where it is not known; `threshold` says in
    words what it asks for. `needs` says in words what would let the row through; where it is null
    or not set, the threshold does.
    """

    code: str
    value: pl.Expr
    threshold: str
    refuses: pl.Expr
    needs: pl.Expr | None = None


def first_refusal(rules: Sequence[RefusalRule]) -> pl.Expr:
    """The code of the first rule that refuses a row; null where none does."""
    return pl.coalesce(pl.when(rule.refuses).then(pl.lit(rule.code)) for rule in rules)


def first_needs(rules: Sequence[RefusalRule]) -> pl.Expr:
    """What would let a row through that is refused; null where no rule refuses it."""
    return pl.coalesce(pl.when(rule.refuses).then(_needs(rule)) for rule in rules)


def _needs(rule: RefusalRule) -> pl.Expr:
    threshold = pl.lit(rule.threshold)
    return threshold if rule.needs is None else pl.coalesce(rule.needs, threshold)


def as_text(column: str) -> pl.Expr:
    """A number as the rule trace shows it."""
    return pl.col(column).cast(pl.Float64).round(6).cast(pl.String)


def apart_from(value: pl.Expr, bound: float, digits: int) -> pl.Expr:
    """The value as text, with as many more decimals than `digits` as it takes to differ from
    `bound`."""
    rounded = [value.round(more) for more in range(digits, 10)]
    return pl.coalesce(
        *(pl.when((each - bound).abs() > 1e-12).then(each.cast(pl.String)) for each in rounded),
        value.cast(pl.String),
    )


def is_missing(column: str) -> pl.Expr:
    """Whether the column holds no number."""
    return pl.col(column).is_null() | pl.col(column).is_nan()
