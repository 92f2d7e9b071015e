"""The family `cross`: a ticker beside the market, its peers and all other tickers of a session.

Every value rests on rows of the same session. Ranks and dispersion depend on which tickers there
are, so each row carries `universe_id`, a hash of the members on that session. The effect of peers
on a stock is small (a correlation of 0.06 over five stocks, 2010 to 2024).
"""

from __future__ import annotations

from functools import partial

import polars as pl

from options_platform.domain.features.spec import Feature

RANKED = {
    "ret_20": "returns_20d",
    "ret_60": "returns_60d",
    "hv_20": "hv_20",
    "iv_rank": "iv_rank",
    "rel_strength_60": "rel_strength_60",
}
"""What is ranked across tickers, by the name in `xs_rank_...`; columns of `features`, or above."""

_given = partial(Feature, family="cross", formula=None, basis="given", inputs=("close",))
_peer = partial(_given, unit="fraction", lookback=6)

CROSS: tuple[Feature, ...] = (
    _given(
        name="beta_60", unit="ratio", lookback=61,
        description="slope of 60 log returns on those of SPY",
    ),
    _given(
        name="corr_60", unit="correlation", lookback=61, low=-1.0, high=1.0,
        description="correlation of 60 log returns with those of SPY",
    ),
    _given(
        name="idio_vol_60", unit="annualised fraction", lookback=61, low=0.0,
        description="volatility of what the slope on SPY leaves, 60 log returns",
    ),
    _given(
        name="beta_252x", unit="ratio", lookback=253, inputs=("close", "earnings_known"),
        description="slope of 252 log returns on those of SPY, without reactions to reports; at "
        "least 60% of them are left",
    ),
    _given(
        name="rel_strength_20", unit="fraction", lookback=21,
        description="growth over 20 sessions / that of SPY - 1",
    ),
    _given(
        name="rel_strength_60", unit="fraction", lookback=61,
        description="growth over 60 sessions / that of SPY - 1",
    ),
    _given(
        name="iv_over_index", unit="ratio", lookback=1, inputs=("iv_close", "vix"), low=0.0,
        description="own implied volatility / VIX; null for SPY",
    ),
    _given(
        name="iv_rank_spread", unit="difference", lookback=252, inputs=("iv_rank",),
        low=-1.0, high=1.0, description="iv_rank - that of SPY; null for SPY",
    ),
    _peer(
        name="sector_ret_5",
        description="mean return of 5 sessions of the others in the sector, at least 3",
    ),
    _peer(
        name="peer_ret_5", description="mean return of 5 sessions of the peers, at least 3",
    ),
    _peer(
        name="peer_iv_change_5", inputs=("iv_close",),
        description="mean change of the peers' own implied volatility in 5 sessions, at least 3",
    ),
    _given(
        name="peer_reported_5d", unit="flag", lookback=1, dtype=pl.Boolean,
        inputs=("earnings_known",), description="a peer reacted to its report within 5 sessions",
    ),
    _given(
        name="peer_move", unit="fraction", lookback=1, inputs=("close", "earnings_known"),
        description="mean move of the peers' newest reactions within 5 sessions",
    ),
    *(
        _given(
            name=f"xs_rank_{name}", unit="0 to 1", lookback=61, inputs=(column,), low=0.0,
            high=1.0, description=f"rank of {column} among the tickers with a value, at least 5",
        )
        for name, column in RANKED.items()
    ),
    _given(
        name="dispersion_60", unit="1 - correlation", lookback=61, low=0.0, high=2.0,
        description="1 - mean correlation of the stocks' 60 log returns, at least 2 stocks",
    ),
    _given(
        name="implied_corr", unit="correlation", lookback=1, inputs=("iv_close",),
        description="correlation that own implied volatilities and that of SPY imply, by "
        "groups.weights; null below 60% of the weight",
    ),
    _given(
        name="implied_corr_weight", unit="fraction", lookback=1, inputs=("iv_close",), low=0.0,
        high=1.0, model=False,
        description="share of the weight whose own implied volatility is known",
    ),
)  # fmt: skip
