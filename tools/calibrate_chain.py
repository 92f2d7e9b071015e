"""Fit the surface of synthetic chains to real ones: `python -m tools.calibrate_chain FOLDER`.

FOLDER has the reference data's `options/`, `vol/` and `rates/`. Prints the constants of
`options_platform/domain/chain/calibration.py`; with `--write` also puts the tables of errors into
docs/synthetic-chains.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.calibration.fit import fit_smiles, fit_term
from tools.calibration.load import load, load_stressed
from tools.calibration.report import page
from tools.markdown import between_marks

PAGE = Path(__file__).parents[1] / "docs/synthetic-chains.md"
BEGIN, END = "<!-- tables of tools.calibrate_chain -->", "<!-- end of the tables -->"


def with_tables(text: str, tables: str) -> str:
    """The page with `tables` between its two marks."""
    return between_marks(text, (BEGIN, END), tables)


def main() -> None:
    """Print the constants, and write or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    chosen = parser.parse_args()
    chains = load(chosen.folder)
    print("SMILES = {")
    for name, smile in fit_smiles(chains).items():
        print(f'    "{name}": {smile},')
    print(f"}}\nTERM = {fit_term(chosen.folder)}")
    tables = page(chains, load_stressed(chosen.folder))
    if chosen.write:
        PAGE.write_text(with_tables(PAGE.read_text(), tables))
    else:
        print(tables)


if __name__ == "__main__":
    main()
