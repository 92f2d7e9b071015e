"""The family `earnings`: what is known of a stock's reports, what they did, what options price.

Null for funds, which report nothing. Dates are those known at the close of the session. Implied
volatility is the ticker's own: null while it is priced on the index of another underlying.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from options_platform.domain.features.spec import Feature

DATES, IV = ("earnings_known",), ("iv_close",)
_given = partial(Feature, family="earnings", formula=None, basis="given")
_count = partial(
    _given, unit="sessions", inputs=DATES, lookback=1, dtype=pl.Int32, low=0.0, high=63.0
)
_past = partial(_given, unit="fraction", inputs=("close", "earnings_known"), lookback=1)
_chain = partial(_given, inputs=("option_chain", "earnings_known"), lookback=1)
_vol = partial(_given, unit="annualised fraction", inputs=("log_return", "earnings_known"), low=0.0)

EARNINGS: tuple[Feature, ...] = (
    _count(
        name="days_to_earnings",
        description="sessions up to the last close before the next known report; 0 on it, at most "
        "63",
    ),
    _count(
        name="days_since_earnings",
        description="sessions since the reaction to the last report; 0 on it, at most 63",
    ),
    _given(
        name="earnings_in_30d", unit="flag", inputs=DATES, lookback=1, dtype=pl.Boolean,
        description="the last close before the next known report lies in the next 30 days",
    ),
    _given(
        name="earnings_status_code", unit="code", inputs=DATES, lookback=1, dtype=pl.Int32,
        low=1.0, high=3.0, description="the next report is 3 confirmed, 2 estimated, 1 projected",
    ),
    _past(name="hist_move_mean_8", low=0.0, description="mean size of the last 8 moves"),
    _past(name="hist_move_median_8", low=0.0, description="median size of the last 8 moves"),
    _past(name="hist_move_max_8", low=0.0, description="largest of the last 8 moves"),
    _past(
        name="hist_move_rms_8", low=0.0, description="root mean square of the last 8 log moves",
    ),
    _past(
        name="hist_gap_share_8", low=-1.0, high=2.0,
        description="mean of gap / move of the last 8 reports, each clipped to -1 to 2",
    ),
    _past(name="hist_up_8", low=0.0, high=1.0, description="share of rises in the last 8 moves"),
    _chain(
        name="implied_move", unit="fraction", low=0.0,
        description="mean size of the next move that the stored chain prices",
    ),
    _chain(
        name="event_var", unit="variance", low=0.0,
        description="variance of the next report alone that the stored chain prices",
    ),
    _chain(
        name="straddle_pct", unit="fraction", low=0.0,
        description="at-the-money straddle of the first expiry after the next report / forward",
    ),
    _chain(
        name="event_var_share", unit="fraction", low=0.0,
        description="event_var / variance of the next 30 days, while the report lies in them",
    ),
    _given(
        name="move_ratio_8", unit="ratio", low=0.0, lookback=1,
        inputs=("close", "iv_close", "option_chain", "earnings_known"),
        description="mean of size / implied size of the last 8 moves that have one, at least 4; "
        "the fall of a modelled volatility implies none",
    ),
    _chain(
        name="implied_over_hist", unit="ratio", low=0.0,
        description="implied_move / hist_move_mean_8",
    ),
    _given(
        name="iv_ramp_5", unit="fraction", inputs=IV, lookback=6,
        description="own implied volatility / that of 5 sessions before - 1",
    ),
    _given(
        name="iv_ramp_20", unit="fraction", inputs=IV, lookback=21,
        description="own implied volatility / that of 20 sessions before - 1",
    ),
    _given(
        name="iv_ex_earnings", unit="annualised fraction", low=0.0, lookback=1,
        inputs=(*IV, "option_chain", "earnings_known"),
        description="own 30-day implied volatility without the variance of a report in these days: "
        "what the stored chain prices for it, else what past moves suggest",
    ),
    _given(
        name="iv_rank_ex", unit="0 to 1", low=0.0, high=1.0, lookback=252,
        inputs=(*IV, "option_chain", "earnings_known"),
        description="(v - min) / (max - min) over 252 values of iv_ex_earnings, today included",
    ),
    *(
        _vol(
            name=f"hv_{n}x", lookback=n + 1,
            description=f"root mean square of {n} log returns x sqrt(252), without reactions to "
            "reports; at least 60% of them are left",
        )
        for n in (5, 20, 22, 66, 252)
    ),
    _past(
        name="pre_report_run_20",
        description="close / close 20 sessions before - 1, within 10 sessions before a report",
    ),
    _past(
        name="post_drift",
        description="close / close of the last reaction - 1, for 20 sessions after it",
    ),
)  # fmt: skip
