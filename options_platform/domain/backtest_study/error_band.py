"""The surface's measured error at the strikes and tenors of a backtest's own trades.

It is that of the ticker's stored real chains where enough sessions are measured, else the one that
the platform was shipped with, and only of the surface that the run prices on: what was measured of
a ticker's class and of its fits is kept apart. A result is run anew with the volatilities of each
ticker lower and higher by its own error, and the interval of its Sharpe ratio is widened to the
union of the three. There is no band if the error of a ticker that was traded is not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from options_platform.domain.chain import SurfaceRules
from options_platform.domain.chain.learned import is_by_fit
from options_platform.domain.chain.learning import BANDS, TENORS, banded
from options_platform.domain.chain.vol_errors import vol_error
from options_platform.domain.market.index_series import iv_basis_of

LOWER, HIGHER = "error_band_low", "error_band_high"
FEWEST_SESSIONS = 3
OWN_ERRORS = pl.Schema(
    {
        "ticker": pl.String,
        "by_fit": pl.Boolean,
        "legs": pl.Int64,
        "error_points": pl.Float64,
        "sessions": pl.Int64,
    }
)
"""`by_fit` is whether the legs were priced by a fit of the ticker, and not as its class;
`error_points` a mean absolute error in vol points, null where none is measured; `sessions` of the
ticker's own chains that it was measured on, 0 for the shipped error."""
_DELTAS = (min(low for low, _ in BANDS.values()), max(high for _, high in BANDS.values()) - 1e-9)
_DAYS = (min(first for first, _ in TENORS.values()), max(last for _, last in TENORS.values()))
_SURFACE = ["ticker", "by_fit"]
_CELL = [*_SURFACE, "band", "right", "tenor"]


def own_errors(
    legs: pl.DataFrame,
    trades: pl.DataFrame,
    measured: pl.DataFrame,
    iv_symbols: Mapping[str, str],
    surface: SurfaceRules,
) -> pl.DataFrame:
    """Rows of `OWN_ERRORS` of the tickers that were traded, one for each surface they had.

    Legs that a fit priced take the error measured on fits; while that is of too few sessions, the
    one of the class, which the fit was adopted for being better than.

    Args:
        legs: rows of `trade_plan_legs`; a leg beyond the measured deltas and tenors takes the
            nearest.
        trades: the trades that were made, of which plan_id is read.
        measured: rows of `surface_error`.
        iv_symbols: the volatility index that each ticker is priced on.
        surface: the surface that the trades were priced on.
    """
    traded = legs.join(trades.select("plan_id"), on="plan_id", how="semi")
    cells = banded(
        _with_surface(traded, surface).select(
            "ticker", "right", "by_fit", delta=pl.col("delta").abs().fill_null(0.5).clip(*_DELTAS),
            dte=(pl.col("expiry") - pl.col("date")).dt.total_days().clip(*_DAYS),
        )
    )  # fmt: skip
    measured = measured.with_columns(by_fit=pl.col("fitted_on").is_not_null())
    sessions = measured.group_by(_SURFACE).agg(sessions=pl.col("date").n_unique().cast(pl.Int64))
    enough = sessions.filter(pl.col("sessions") >= FEWEST_SESSIONS)
    measured = measured.join(enough, on=_SURFACE, how="semi")
    by_cell, by_ticker = _mean(measured, _CELL, "own"), _mean(measured, _SURFACE, "own_any")
    ticker = pl.col("ticker")
    symbol = ticker.replace_strict(iv_symbols, default=None, return_dtype=pl.String)
    shipped = vol_error(ticker, symbol, iv_basis_of(ticker, symbol), pl.col("dte"))
    # Until a fit is measured, its legs look up what is known of the class.
    has_own = cells.select(_SURFACE).join(enough, on=_SURFACE, how="left", maintain_order="left")
    priced = (
        cells.rename({"by_fit": "is_by_fit"})
        .with_columns(by_fit=cells["by_fit"] & has_own["sessions"].is_not_null())
        .join(by_cell, on=_CELL, how="left")
        .join(enough, on=_SURFACE, how="left")
        .join(by_ticker, on=_SURFACE, how="left")
        .with_columns(shipped=shipped, by_fit="is_by_fit")
    )
    own = pl.coalesce("own", "own_any")
    error = pl.when(pl.col("sessions").is_not_null()).then(own).otherwise("shipped")
    return (
        priced.group_by(_SURFACE)
        .agg(
            legs=pl.len().cast(pl.Int64),
            error_points=error.mean(),
            sessions=pl.col("sessions").first().fill_null(0),
        )
        .sort(_SURFACE)
        .select(OWN_ERRORS.names())
        .cast(dict(OWN_ERRORS))  # type: ignore[arg-type]
    )


def mean_error(errors: pl.DataFrame) -> float | None:
    """The mean of rows of `OWN_ERRORS` over all legs, vol points.

    None without any legs, or if the error of a ticker is not measured.
    """
    if errors.is_empty() or errors["error_points"].has_nulls():
        return None
    weighted = (pl.col("error_points") * pl.col("legs")).sum() / pl.col("legs").sum()
    return float(errors.select(weighted).item())


def ticker_errors(errors: pl.DataFrame, tickers: Sequence[str]) -> dict[str, float] | None:
    """The error of each of `tickers` from rows of `OWN_ERRORS`, vol points; None as `mean_error`.

    A ticker that was not traded, but may be by a baseline, takes the largest of the others.
    """
    if mean_error(errors) is None:
        return None
    own = {str(ticker): mean_error(rows) for (ticker,), rows in errors.group_by("ticker")}
    traded = {ticker: points for ticker, points in own.items() if points is not None}
    return {ticker: traded.get(ticker, max(traded.values())) for ticker in tickers}


def widened(price_risk: pl.DataFrame, as_measured: str) -> pl.DataFrame:
    """The interval of each Sharpe ratio, and its union over the error band.

    `price_risk` are rows of `backtest_price_risk`. Returns name, sharpe_low and sharpe_high, null
    where a result of the band is undefined; without rows for a run without a band.
    """
    names = [as_measured, LOWER, HIGHER]
    own = price_risk.filter(pl.col("scenario").is_in(names))
    ends = pl.col("sharpe_low").has_nulls() | pl.col("sharpe_high").has_nulls()
    return (
        own.group_by("name", maintain_order=True)
        .agg(
            pl.when(~ends).then(pl.col("sharpe_low").min()).alias("sharpe_low"),
            pl.when(~ends).then(pl.col("sharpe_high").max()).alias("sharpe_high"),
            pl.len().alias("runs"),
        )
        .filter(pl.col("runs") == len(names))
        .drop("runs")
    )


def with_band(
    scores: pl.DataFrame, price_risk: pl.DataFrame, fill_model: str, as_measured: str
) -> pl.DataFrame:
    """Rows of `backtest_scores` with `sharpe_low` and `sharpe_high` widened over the error band,
    and `over_band`, whether they are: those of the results that were run anew, under `fill_model`.
    """
    band = widened(price_risk, as_measured).with_columns(
        fill_model=pl.lit(fill_model), over_band=pl.lit(value=True)
    )
    ends = ["sharpe_low", "sharpe_high"]
    joined = scores.join(
        band, on=["name", "fill_model"], how="left", suffix="_band", maintain_order="left"
    ).with_columns(pl.col("over_band").fill_null(value=False))
    wide = [pl.when("over_band").then(f"{end}_band").otherwise(end).alias(end) for end in ends]
    return joined.with_columns(wide).drop(f"{end}_band" for end in ends)


def errors_text(errors: pl.DataFrame) -> str:
    """One sentence on rows of `OWN_ERRORS`, without its full stop; empty without any."""
    if errors.is_empty():
        return ""
    points = mean_error(errors)
    if points is None:
        missing = errors.filter(pl.col("error_points").is_null())["ticker"].to_list()
        return (
            "The intervals leave out the surface's error, which is not measured for "
            f"{', '.join(missing)}"
        )
    columns = errors.select("ticker", "by_fit", "error_points", "sessions")
    by_ticker = "; ".join(
        f"{ticker}{' by its fits' if by_fit else ''} {own:.1f} vol points "
        + (f"on {sessions} sessions of its own chains" if sessions else "as shipped")
        for ticker, by_fit, own, sessions in columns.iter_rows()
    )
    return (
        "At the strikes and tenors of the model's own trades the surface errs by "
        f"{points:.1f} vol points on average ({by_ticker})"
    )


def _with_surface(legs: pl.DataFrame, surface: SurfaceRules) -> pl.DataFrame:
    """`legs` with `by_fit`, whether a fit of the ticker priced their session."""
    days = legs.select("ticker", "date").unique().sort("ticker", "date")
    parts = [
        own.with_columns(by_fit=pl.Series(is_by_fit(surface, str(ticker), own["date"].to_list())))
        for (ticker,), own in days.group_by("ticker", maintain_order=True)
    ]
    flags = pl.concat([days.clear().with_columns(by_fit=pl.lit(value=False)), *parts])
    return legs.join(flags, on=["ticker", "date"], how="left", maintain_order="left")


def _mean(measured: pl.DataFrame, keys: list[str], name: str) -> pl.DataFrame:
    """Mean absolute error of each of `keys`, every quote the same weight."""
    weighted = (pl.col("mae_points") * pl.col("n")).sum() / pl.col("n").sum()
    return measured.drop_nulls("mae_points").group_by(keys).agg(weighted.alias(name))
