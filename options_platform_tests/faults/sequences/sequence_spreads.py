"""The spreads that the random sequences trade: their plans, contracts and quotes."""

from datetime import date
from functools import cache

import polars as pl

from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.chain.occ_symbols import symbol_of
from options_platform.fake_alpaca.symbols import contract_of, renamed
from options_platform.testing.alpaca_account import plans_of

CONTRACTS = 3
BESIDE_SET = "beside"
EXPIRY = date(2015, 1, 30)
# Side, right and strike of both legs, and the limit of one spread: debits positive.
SPREADS = {
    "call": ("bull_call_spread", [("buy", "call", 253.0), ("sell", "call", 258.0)], 1.86),
    "across": ("bull_call_spread", [("buy", "call", 258.0), ("sell", "call", 263.0)], 0.65),
    "reverse": ("bear_call_spread", [("sell", "call", 253.0), ("buy", "call", 258.0)], -1.80),
    "put": ("bull_put_spread", [("sell", "put", 247.0), ("buy", "put", 242.0)], -1.20),
}
MIDS = {
    "sound": {253.0: 2.65, 258.0: 0.80, 263.0: 0.15, 247.0: 2.20, 242.0: 1.00},
    "stop": {253.0: 1.00, 258.0: 0.70, 263.0: 0.10, 247.0: 5.60, 242.0: 1.70},
}


def write_set(home):
    """The file of a rule set with the rules of the plan, which trades beside it."""
    (home / "rule_sets").mkdir()
    text = 'version = 1\ntitle = "Beside the plan"\n'
    (home / "rule_sets" / f"{BESIDE_SET}.toml").write_text(text)


@cache
def planned(legs, session, tickers, rule_set=DEFAULT_RULE_SET):
    """Plans and their legs: one spread of that kind per ticker, on the same contracts each day."""
    strategy, chosen, limit = SPREADS[legs]
    plans, plan_legs = _base(tickers)
    width, debit = 5.0, limit > 0
    loss = limit if debit else width + limit
    of_set = "" if rule_set == DEFAULT_RULE_SET else f"{rule_set}-"
    number = pl.concat_str(pl.lit(f"{session:%m%d}-{of_set}{legs}-"), pl.col("ticker"))
    plans = plans.with_columns(
        date=pl.lit(session),
        plan_id=number,
        rule_set=pl.lit(rule_set),
        strategy=pl.lit(strategy),
        contracts=pl.lit(CONTRACTS, plans.schema["contracts"]),
        limit_price=pl.lit(limit),
        max_loss_usd=pl.lit(loss * 100 * CONTRACTS),
        max_profit_usd=pl.lit((width - loss) * 100 * CONTRACTS),
    )
    sides, rights, strikes = zip(*chosen, strict=True)
    plan_legs = plan_legs.with_columns(
        date=pl.lit(session),
        plan_id=number,
        rule_set=pl.lit(rule_set),
        side=_by_leg(sides, plan_legs.schema["side"]),
        right=_by_leg(rights, plan_legs.schema["right"]),
        strike=_by_leg(strikes, pl.Float64()),
    )
    return plans, plan_legs


def _by_leg(values, kind):
    first, second = (pl.lit(value, kind) for value in values)
    return pl.when(pl.col("leg") == 1).then(first).otherwise(second)


@cache
def _base(tickers):
    return plans_of(tickers)


@cache
def all_symbols(tickers):
    """All contracts that any plan may trade, also under their symbol after a split."""
    symbols = {
        symbol_of(ticker, EXPIRY, right, strike)
        for _, legs, _ in SPREADS.values()
        for _, right, strike in legs
        for ticker in tickers
    }
    split = {renamed(symbol, "SPY1") for symbol in symbols if symbol.startswith("SPY")}
    return tuple(sorted(symbols | split))


def bid_ask(symbol, kind):
    """Bid and ask of a contract: well quoted, at a stop's loss, too wide, or not at all."""
    if kind in MIDS:
        mid = MIDS[kind][contract_of(symbol).strike]
        return mid - 0.02, mid + 0.02
    return 0.0, 12.0 if kind == "wide" else 0.0
