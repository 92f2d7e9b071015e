"""The partitioned assets, in the order of the data flow."""

import dagster as dg

from options_platform.defs.decisions.assets import make_regime, make_trade_plan
from options_platform.defs.features.assets import make_features, make_labels
from options_platform.defs.market_data.assets import make_raw_ohlcv, make_vix
from options_platform.defs.market_data.earnings import make_earnings
from options_platform.defs.models.assets import make_direction_model, make_volatility_model
from options_platform.defs.trading.orders import make_paper_orders
from options_platform.settings import Settings

MAKERS = (
    make_raw_ohlcv,
    make_vix,
    make_earnings,
    make_features,
    make_labels,
    make_direction_model,
    make_volatility_model,
    make_regime,
    make_trade_plan,
    make_paper_orders,
)


def make_assets(settings: Settings, *, with_chains: bool = False) -> list[dg.AssetsDefinition]:
    """The assets on the settings' partitions; `with_chains` if the source provides chains."""
    return [
        make(settings, with_chains=with_chains) if make is make_trade_plan else make(settings)
        for make in MAKERS
    ]
