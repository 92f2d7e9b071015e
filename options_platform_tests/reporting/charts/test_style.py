"""Figures: hostile names stay text, series keep their colours, both grounds are legible."""

import html
import json

import pytest

from options_platform.reporting.charts.style import (
    COLOURS,
    FURTHER,
    GROUNDS,
    bars,
    figure,
    ground_paths,
    in_json,
    on_ground,
)

HOSTILE = '</script><img src=x onerror=alert(1)> & <b>"bold"</b>'
PAPER = {"light": "#ffffff", "dark": "#1a2028"}


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """Contrast ratio of two colours, as WCAG 2.2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", GROUNDS)
def test_every_series_has_a_contrast_of_3_to_1_and_text_of_7_to_1(ground):
    colours = {*COLOURS.values(), *FURTHER}
    assert {c for c in colours if contrast(c, PAPER[ground]) < 3.0} == set()
    assert contrast(GROUNDS[ground]["ink"], PAPER[ground]) > 7.0


def test_hostile_names_are_no_markup_in_the_page_and_no_tag_in_the_figure():
    text = in_json(bars({HOSTILE: 1.0}, "USD"))
    assert not {"<", ">", "&"} & {*text}
    (shown,) = json.loads(text)["data"][0]["x"]
    assert "<" not in shown
    assert html.unescape(shown) == HOSTILE


def test_gains_and_losses_have_their_colours_and_axes_their_units():
    made = bars({"SPY": 2.0, "QQQ": -1.0}, "USD")
    assert made.data[0].marker.color == (COLOURS["profit"], COLOURS["loss"])
    assert made.layout.yaxis.title.text == "USD"


def test_the_ground_changes_text_and_grid_and_no_series():
    made = on_ground(figure("USD"), "dark")
    assert made.layout.font.color == GROUNDS["dark"]["ink"]
    assert made.layout.xaxis.gridcolor == GROUNDS["dark"]["grid"]
    assert ground_paths("light").keys() == ground_paths("dark").keys()
