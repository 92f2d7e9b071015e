"""Fit the modelled volatility of stocks to published ones: `python -m tools.calibrate_stock_iv F`.

The folder F has the reference data's `prices/`, `vol/` and `earnings/`. Prints the constants of
`options_platform/domain/earnings/calibration.py` and the errors, leaving one ticker out and walking
forward; with `--write` also puts the tables of errors into docs/stock-volatility.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.calibration.stock_fit import fitted
from tools.calibration.stock_history import TICKERS, history
from tools.calibration.stock_report import page
from tools.markdown import between_marks

PAGE = Path(__file__).parents[1] / "docs/stock-volatility.md"
MARKS = "<!-- tables of tools.calibrate_stock_iv -->", "<!-- end of the tables -->"


def main() -> None:
    """Print the constants, and write or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    chosen = parser.parse_args()
    rows = history(chosen.folder, tuple(TICKERS))
    print(f"STOCK_VOL = {fitted(rows)}")
    tables = page(rows)
    if chosen.write:
        PAGE.write_text(between_marks(PAGE.read_text(), MARKS, tables))
    else:
        print(tables)


if __name__ == "__main__":
    main()
