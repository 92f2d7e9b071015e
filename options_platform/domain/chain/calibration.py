"""Calibrated constants of synthetic chains, and their data.

`python -m tools.calibrate_chain FOLDER` fits them again. `SMILES` are fitted to chains of SPY
(2015-01-05, 2020-10-05, 2026-02-11 and 2026-02-12), QQQ (the last two), AAPL (2014-06-06 and
2026-02-11), GOOG (2015-12-24) and NVDA (2026-02-11), public copies of exchange and Yahoo quotes
that are not part of this project; `TERM` to closes of VIX9D, VIX3M and VIX6M from 2011 to 2024.
docs/synthetic-chains.md has the errors.
"""

from options_platform.domain.chain.ssvi import Smile

SMILES = {
    "fund": Smile(c=0.7911, p=0.1582, q=0.6996, rho=-0.6598, wing=0.1105),
    "QQQ": Smile(c=0.7918, p=0.1577, q=0.6995, rho=-0.6601, wing=0.1105),
    "SPY": Smile(c=0.7903, p=0.1588, q=0.6997, rho=-0.6596, wing=0.1105),
    "stock": Smile(c=0.8546, p=-0.1153, q=0.2307, rho=-0.2128, wing=0.1334),
    "AAPL": Smile(c=0.8556, p=-0.116, q=0.2321, rho=-0.2085, wing=0.1329),
    "GOOG": Smile(c=0.8526, p=-0.1139, q=0.2278, rho=-0.2135, wing=0.1335),
    "NVDA": Smile(c=0.8554, p=-0.11605, q=0.2321, rho=-0.2162, wing=0.1338),
}
TERM = ((-0.035, 0.136), (0.092, -0.167), (0.152, -0.3))
