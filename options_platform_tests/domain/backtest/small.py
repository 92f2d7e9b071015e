"""Small markets and hand-made plans for the backtest."""

from datetime import date

import numpy as np
import polars as pl

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest import BacktestRules, make_market
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.risk import RiskRules
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.fill_prices import FillRules

NO_LIMITS = RiskRules.unlimited()
FLAT = ChainRules(surface=SurfaceRules.flat(), width_scale=0.0)
FREE = BacktestRules(
    start_usd=1e9, risk=NO_LIMITS, fills=FillRules("mid"), costs=CostRules(0.0), chain=FLAT,
    buying_power=False,
)  # fmt: skip
DAYS = sessions(date(2024, 1, 2), date(2024, 3, 28))


def market(closes, index=20.0, days=DAYS, dividends=None, factors=None, yields=None, history=None):
    """A market from closes by ticker; a close of None is a bar that was set aside.

    `history` contains the dividends from which the next ones are expected.
    """
    bars, vix = [], []
    for ticker, values in closes.items():
        count = min(len(values), len(days))
        levels = [index] * count if np.isscalar(index) else list(index[:count])
        bars.append(
            pl.DataFrame(
                {
                    "date": days[:count],
                    "ticker": ticker,
                    "close": pl.Series(values[:count], dtype=pl.Float64),
                    "split_factor": [1.0] * count if factors is None else factors[:count],
                    "dividend": [(dividends or {}).get(day, 0.0) for day in days[:count]],
                    "bad_reason": pl.Series(
                        [None if v is not None else "missing" for v in values[:count]],
                        dtype=pl.String,
                    ),
                }
            )
        )
        vix.append(
            pl.DataFrame(
                {
                    "date": days[:count],
                    "ticker": ticker,
                    "iv_close": pl.Series(levels, dtype=pl.Float64),
                }
            )
        )
    return make_market(pl.concat(bars), pl.concat(vix), yields, dividends=history)


def plan(day, legs, *, ticker="SPY", price, loss, profit, contracts=1, number=0, strategy="spread"):
    """One row of `trade_plan` and its legs, given as (side, right, strike, expiry)."""
    name = f"{day}-{ticker}-{number}"
    row = {
        "date": day, "ticker": ticker, "plan_id": name, "decision": "trade", "reasons": ["X"],
        "strategy": strategy, "regime": "neutral", "direction": "neutral", "contracts": contracts,
        "limit_price": price, "max_loss_usd": 100.0 * loss * contracts,
        "max_profit_usd": 100.0 * profit * contracts, "expiry": min(leg[3] for leg in legs),
        "spot": 100.0, "net_delta": 0.0, "net_gamma": 0.0, "net_theta": 0.0, "net_vega": 0.0,
    }  # fmt: skip
    rows = [
        {
            "date": day, "ticker": ticker, "plan_id": name, "leg": n, "side": side,
            "right": right, "strike": strike, "expiry": expiry, "ratio": 1,
        }
        for n, (side, right, strike, expiry) in enumerate(legs, start=1)
    ]  # fmt: skip
    return (
        pl.DataFrame([row], schema=TRADE_PLAN.schema),
        pl.DataFrame(rows, schema=TRADE_PLAN_LEGS.schema),
    )


def together(*planned):
    """Several plans as one frame of plans and one of legs."""
    return pl.concat([p for p, _ in planned]), pl.concat([legs for _, legs in planned])
