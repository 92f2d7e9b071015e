"""Real option chains of the reference data, in the schema of the port, with the session."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA

DATED = pl.Schema({"date": pl.Date, **SOURCE_CHAIN_SCHEMA})
RENAMED = {
    "underlying": "ticker",
    "expiration": "expiry",
    "expiration_date": "expiry",
    "type": "right",
    "openinterest": "open_interest",
    "underlying_price": "spot",
    "underlying_last": "spot",
    "underlying_close": "spot",
    "last_trade": "last_trade_at",
    "implied_volatility": "source_iv",
    "impliedvol": "source_iv",
    "delta": "source_delta",
    "gamma": "source_gamma",
    "theta": "source_theta",
    "vega": "source_vega",
    "optionalias": "contract_symbol",
    "contractID": "contract_symbol",
    "symbol": "ticker",
    "quote_date": "date",
    "quotedate": "date",
    "file_date": "date",
}


def read_chain_file(path: Path, *, theta_days: float = 1.0, vega_points: float = 1.0):
    """A file of `options/` as it came; greeks of other units are brought to the port's."""
    frame = pl.read_csv(path, infer_schema_length=None, null_values=["", "NaN"])
    names = {old: new for old, new in RENAMED.items() if old in frame.columns}
    frame = frame.rename(names)
    stamp = path.name.split("_")[1].removesuffix(".csv.gz")
    quoted = datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=UTC) if "T" in stamp else None
    if "date" not in frame.columns:
        frame = frame.with_columns(date=pl.lit(quoted.date()))
    frame = frame.with_columns(quoted_at=pl.lit(quoted), source=pl.lit(path.parent.name))
    missing = [name for name in DATED if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None).alias(name) for name in missing)
    dates = [n for n in ("date", "expiry") if frame.schema[n] == pl.String]
    frame = frame.with_columns(pl.col(dates).str.to_date())
    if frame.schema["last_trade_at"] == pl.String:
        when = pl.col("last_trade_at").str.slice(0, 19).str.to_datetime("%Y-%m-%d %H:%M:%S")
        frame = frame.with_columns(when.dt.replace_time_zone("UTC"))
    return (
        frame.select(DATED.names())
        .cast(dict(DATED))
        .with_columns(pl.col("source_theta") / theta_days, pl.col("source_vega") / vega_points)
    )
