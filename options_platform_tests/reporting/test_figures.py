"""The plots: valid PNG images for ordinary and for poor data, without warnings."""

import base64
import struct
import zlib

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import LABELS
from options_platform.domain.feature_engine.regime import RegimeRules, compute_regime
from options_platform.reporting import figures
from options_platform.testing.market import random_market
from options_platform_tests.models.rows import random_rows

BARS, INDEX = random_market()


def pixels(png):
    """Width and height, after each chunk's checksum and the packed rows were verified."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, names = 8, b"", []
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + data)
        names.append(kind)
        packed += data if kind == b"IDAT" else b""
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", data[:10])
        at += 12 + length
    assert names[-1] == b"IEND"
    assert (depth, colour) == (8, 6)  # eight bits of red, green, blue and alpha
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 4 * width)
    assert len(np.unique(rows)) > 10, "the picture is blank"
    return width, height


def regimes():
    return compute_regime(random_rows()[0], RegimeRules())


def curve():
    return pl.DataFrame(
        {
            "model": "direction",
            "class": ["bearish", "neutral", "bullish"] * 2,
            "bin": [2, 3, 3, 4, 5, 4],
            "mean_p": [0.25, 0.35, 0.33, 0.42, 0.55, 0.44],
            "frequency": [0.2, 0.4, 0.3, 0.45, 0.6, 0.4],
            "n": [10, 200, 30, 4, 5, 6],
        }
    )


def marks(count):
    days = BARS["date"].unique().sort().head(count)
    return pl.DataFrame({"session": days, "equity_usd": 1e5 + np.arange(count) * 10.0})


def legs():
    return pl.DataFrame(
        {
            "side": ["sell", "buy", "sell", "buy"],
            "right": ["put", "put", "call", "call"],
            "strike": [95.0, 90.0, 105.0, 110.0],
            "ratio": [1, 1, 1, 1],
        }
    )


FIGURES = {
    "price history": lambda: figures.price_history(BARS),
    "one bar": lambda: figures.price_history(BARS.head(1)),
    "regimes": lambda: figures.regime_ribbon(regimes(), INDEX),
    "one regime": lambda: figures.regime_ribbon(
        regimes().filter(pl.col("regime").is_not_null()).head(1), INDEX
    ),
    "calibration": lambda: figures.calibration(curve(), "direction"),
    "calibration of no model": lambda: figures.calibration(curve(), "nobody"),
    "equity": lambda: figures.equity(marks(20)),
    "equity of one day": lambda: figures.equity(marks(1)),
    "refusals": lambda: figures.refusals(
        pl.DataFrame({"reason": ["NO_EDGE", "BAD_BAR"], "plans": [1200, 3]})
    ),
    "class shares": lambda: figures.class_shares(random_rows()[1]),
    "no labels": lambda: figures.class_shares(LABELS.empty()),
    "payoff": lambda: figures.payoff_at_expiry(legs(), -2.0, 100.0, 3),
}


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_a_valid_picture(name):
    width, height = pixels(FIGURES[name]())
    assert width > 300
    assert height > 50


def test_the_same_data_give_the_same_picture():
    assert FIGURES["payoff"]() == FIGURES["payoff"]()


def test_a_picture_in_a_page_is_the_picture():
    png = FIGURES["refusals"]()
    head, _, data = figures.data_uri(png).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data, validate=True) == png


@pytest.mark.parametrize("skills", [[0.0], [0.0, 0.0], [0.1], [-0.02, 0.03], [-7.0, 0.1], [None]])
def test_the_skill_of_few_months_equal_months_or_a_hopeless_one_is_shown(skills):
    months = [f"2017-{month:02}" for month in range(1, len(skills) + 1)]
    shown = pl.DataFrame(
        {"fold": months, "skill": skills, "skill_to_date": skills},
        schema_overrides={"skill": pl.Float64, "skill_to_date": pl.Float64},
    )
    width, height = pixels(figures.skill_by_month(shown))
    assert width > height
