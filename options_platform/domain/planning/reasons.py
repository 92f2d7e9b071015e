"""The codes in `trade_plan.reasons`: the sentence that each means, and their counts."""

from __future__ import annotations

import polars as pl

REASONS: dict[str, str] = {
    "BAD_BAR": "the session's bar is missing or was set aside",
    "NO_VIX": "no volatility index for this session or the one before",
    "NO_REGIME": "an input of the regime rules is missing",
    "NO_PREDICTION": "the models give no prediction for this session",
    "RULE_SET_LOST": "the file of the rule set has gone or cannot be read, so it enters nothing",
    "NOT_ENTRY_DAY": "entries are planned in the first session of a week or month only",
    "TOO_FEW_VOTES": "fewer votes hold than an entry needs",
    "EARNINGS_UNCONFIRMED": "no source confirms the date of the report that would be traded",
    "EARNINGS_NOT_PRICED": "no stored chain prices the report that would be traded, or its move "
    "cannot be forecast",
    "NO_EDGE_EARNINGS": "options price the report neither dear nor cheap enough to trade it",
    "NO_EDGE": "the strategy matrix holds no trade for this regime and direction",
    "LOW_CONFIDENCE": "neutral regime, and the predicted direction is not sure enough",
    "IRON_CONDOR_DISABLED": "the matrix asks for an iron condor, which is switched off",
    "VOL_VETO_DEBIT": "IV rank is forecast to fall: no debit spread",
    "VOL_VETO_CREDIT": "IV rank is forecast to rise: no credit spread",
    "UNBOUNDED": "the strategy's loss has no bound, and undefined risk is not allowed",
    "NO_OPTIONS": "options on the ticker were not listed yet in this session",
    "NO_EXPIRY": "no listed expiry within the allowed days",
    "EARNINGS_UNKNOWN": "nobody knows when the company reports next",
    "EARNINGS_BLACKOUT": "the company reports earnings while the position would be open, or too "
    "soon after its entry",
    "ODD_SPLIT": "a split is near after which contracts deliver something else than 100 shares",
    "BAD_QUOTE": "a quote is missing or crossed, or the mids give a credit or debit that is not "
    "between zero and the width of the narrower wing",
    "WIDTH_RANGE": "the spread of a stock is too narrow or too wide for its price",
    "ILLIQUID": "the bid of a sold leg is too low or none, the quotes are too wide for the price, "
    "or open interest or volume too small",
    "RISK_BUDGET": "one spread's maximum loss is more than the account may risk",
    "REGIME_LOW_VOL": "trade: regime low_vol",
    "REGIME_HIGH_VOL": "trade: regime high_vol",
    "REGIME_IV_EXPANSION": "trade: regime iv_expansion",
    "REGIME_IV_CONTRACTION": "trade: regime iv_contraction",
    "REGIME_NEUTRAL": "trade: regime neutral with a confident direction",
    "CONFIDENT_CALL": "trade: the direction is among the surest of the ticker's earlier calls",
    "DIRECTION_BULLISH": "trade: predicted bullish",
    "DIRECTION_BEARISH": "trade: predicted bearish",
    "DIRECTION_NEUTRAL": "trade: predicted neutral",
    "VOTES_HOLD": "trade: as many votes hold as an entry needs",
    "THIN_PREMIUM": "trade: too few votes hold and the volatility premium is thin, so the strategy "
    "for that is traded",
    "EARNINGS_SELL": "trade: options price a larger move at the report than the forecast",
    "EARNINGS_BUY": "trade: options price a smaller move at the report than the forecast",
    "EARNINGS_RESEARCH": "trade: for paper money only, the strategy's record does not pass the "
    "evidence gate",
    "EARNINGS_MODELLED": "trade: priced on the model with earnings.event_premium, not on quotes",
    "NARROWED": "trade: narrower than the regime's width, which this account cannot carry",
    "DIVIDENDS_UNKNOWN": "trade: no source gives dividends of the stock, so an early assignment "
    "before an ex-date is not foreseen",
}


def refusals_by_reason(plans: pl.DataFrame) -> pl.DataFrame:
    """How many plans each reason kept from trading, most first; columns reason and plans.

    A plan refused for two reasons counts under both.
    """
    return (
        plans.filter(pl.col("decision") == "no_trade")
        .explode("reasons")
        .group_by(reason="reasons")
        .agg(plans=pl.len())
        .filter(pl.col("reason").is_not_null())
        .sort("plans", "reason", descending=[True, False])
    )
