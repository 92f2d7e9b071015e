"""The report of a small simulated home: complete, in one file, safe, and honest."""

import re
import shutil
from datetime import date, datetime
from html.parser import HTMLParser

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import MODEL_PREDICTIONS, PAPER_ORDERS, QUARANTINE, VOLATILITY_MODEL
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.reporting.report import cell, pct, render, usd, write_report
from options_platform.settings.broker_rules import LIVE_NOTE
from options_platform_tests.platform import START, make_platform_settings, run

NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Tags and their attributes, and the text, of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def warehouse_of(settings):
    return Warehouse(settings.warehouse_path, wait_seconds=30)


def page_of(settings):
    text = render(settings, warehouse_of(settings), now=NOW)
    return text, Page(text)


@pytest.fixture(scope="module")
def report(simulated_home):
    return page_of(simulated_home)


def addresses(page):
    names = ("src", "href", "srcset", "action", "data", "poster")
    return [attributes[n] for _, attributes in page.tags for n in names if n in attributes]


def test_every_section_is_there_with_its_content(report):
    text, page = report
    ids = [attributes["id"] for attributes in page.all("h2")]
    assert ids == list(dict.fromkeys(ids))
    assert {"data", "models", "regimes", "plan", "orders", "made"} <= set(ids)
    assert len(page.all("img")) >= 6
    naive = ("class frequencies (naive)", "persistence (naive)")
    assert re.search(r"surer than \d+% of \d+ earlier calls", page.text)
    for text in ("SPY", "QQQ", *naive, "Targets of the plan", "not_sent", "BACKFILL"):
        assert text in page.text
    for text in ("What to expect", "trades a year (95%: ", "never called", "30 closed paper"):
        assert text in page.text
    assert "simulated" in page.text
    assert "{{" not in text
    assert "{%" not in text


def test_it_begins_with_what_was_traded_and_decided(report):
    _, page = report
    assert page.all("h2")[0]["id"] == "short"
    head = page.text.partition("Data TickerFirst")[0]
    assert "Nothing was traded yet: run options-platform daily" in head
    assert re.search(r"Decisions of \d{4}-\d\d-\d\d QQQ: ", head)


def test_live_trading_is_shown_at_the_top_and_paper_trading_is_not(simulated_home, report):
    live = {"broker": "alpaca", "alpaca": {"live": True, "accounts": ["1"]}}
    text, page = page_of(make_platform_settings(simulated_home.home, **live))
    assert LIVE_NOTE in page.text
    assert text.index(LIVE_NOTE) < text.index("<h2")
    assert LIVE_NOTE not in report[1].text


def test_the_report_is_self_contained(report):
    text, page = report
    assert [a for a in addresses(page) if not a.startswith(("data:", "#"))] == []
    assert not re.search(r"url\s*\(|@import", text)
    assert "http://" not in text
    assert "https://" not in text
    assert page.all("script") == []
    assert page.all("link") == [{"rel": "icon", "href": "data:,"}]


def test_every_picture_is_a_picture_and_is_described(report):
    _, page = report
    for picture in page.all("img"):
        assert picture["src"].startswith("data:image/png;base64,iVBOR")
        assert len(picture["alt"]) > 5


def test_tables_are_closed_and_rows_as_wide_as_their_heads(report):
    text, _ = report
    for table in re.findall(r"<table.*?</table>", text, flags=re.DOTALL):
        widths = {
            len(re.findall(r"<t[hd][ >]", row))
            for row in re.findall(r"<tr>.*?</tr>", table, flags=re.DOTALL)
        }
        assert len(widths) <= 1, table[:200]
    for tag in ("table", "tr", "div", "p", "h2", "h3"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>"), tag


def test_a_missed_target_is_printed_as_missed(simulated_home, tmp_path):
    """Forecasts turned around: RMSE (target and threshold), MAE and sign of the rank are missed."""
    shutil.copytree(simulated_home.home, tmp_path / "home")
    settings = make_platform_settings(tmp_path / "home")
    warehouse = warehouse_of(settings)
    rows = warehouse.read(MODEL_PREDICTIONS)
    today = warehouse.read(VOLATILITY_MODEL).select("date", "ticker", "iv_rank")
    shipped = pl.col("model").is_in(["direction", "volatility"])
    backwards = pl.col("iv_rank") - 10.0 * (pl.col("iv_rank_pred") - pl.col("iv_rank"))
    turned = rows.join(today, on=["date", "ticker"]).with_columns(
        p_bearish=pl.when(shipped).then("p_neutral").otherwise("p_bearish"),
        p_neutral=pl.when(shipped).then("p_bearish").otherwise("p_neutral"),
        iv_rank_pred=pl.when(shipped).then(backwards).otherwise("iv_rank_pred"),
    )
    turned = turned.select(rows.columns)
    warehouse.upsert(MODEL_PREDICTIONS, turned)
    text, page = page_of(settings)
    targets = re.search(r"Targets of the plan.*?</table>", text, flags=re.DOTALL).group()
    rank = [row for row in targets.split("<tr>") if "IV rank" in row]
    assert len(rank) == 4
    for row in rank:
        assert "MISSED" in row
        assert "NO" in row
        assert ">met<" not in row
    assert "MISSED" in page.text


def test_hostile_text_is_shown_and_never_run(simulated_home, tmp_path):
    shutil.copytree(simulated_home.home, tmp_path / "home")
    settings = make_platform_settings(tmp_path / "home", csv_dir=HOSTILE)
    warehouse = warehouse_of(settings)
    orders = warehouse.read(PAPER_ORDERS).head(3).with_columns(reason=pl.lit(HOSTILE))
    warehouse.upsert(PAPER_ORDERS, orders)
    bad = pl.DataFrame(
        [{name: HOSTILE for name, dtype in QUARANTINE.schema.items() if dtype == pl.String}]
    ).with_columns(date=pl.lit(START), fetched_at=pl.lit(NOW))
    bad = bad.select(
        (pl.col(name) if name in bad.columns else pl.lit(0)).cast(dtype).alias(name)
        for name, dtype in QUARANTINE.schema.items()
    )
    warehouse.upsert(QUARANTINE, bad)
    text, page = page_of(settings)
    assert "<script" not in text
    assert page.all("script") == []
    assert [a for _, a in page.tags if any(name.startswith("on") for name in a)] == []
    assert page.text.count("<script>alert('x')</script>") >= 3


def test_the_research_page_names_champions_and_draws_their_years(report):
    _, page = report
    text = page.text
    assert "Champion: scaled_calm_trees" in text
    assert "No candidates were compared in this home yet" in text
    alts = [attributes.get("alt", "") for attributes in page.all("img")]
    assert "Direction in 5 sessions: score by year" in alts


def test_an_empty_home_says_what_to_run(tmp_path):
    settings = make_platform_settings(tmp_path / "home")
    _, page = page_of(settings)
    for command in ("--select direction_model,volatility_model", "--select regime", "daily"):
        assert command in page.text
    assert page.all("img") == []


@pytest.mark.long
def test_a_home_without_predictions_yet_has_no_broken_picture(tmp_path):
    """Less than a year: rows of predictions, all of them unknown, and no regime either."""
    settings = make_platform_settings(tmp_path / "home", end=date(2015, 4, 30))
    run(settings)
    text, page = page_of(settings)
    for picture in page.all("img"):
        assert picture["src"].startswith("data:image/png;base64,")
    assert "None" not in re.sub(r"<details>.*</details>", "", text, flags=re.DOTALL)


@pytest.mark.long
def test_the_file_is_written_atomically_into_the_home(simulated_home, tmp_path):
    shutil.copytree(simulated_home.home, tmp_path / "home")
    settings = make_platform_settings(tmp_path / "home")
    path = write_report(settings, warehouse_of(settings), now=NOW)
    again = write_report(settings, warehouse_of(settings), now=NOW)
    assert path == again == settings.reports_path / "report.html"
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".new"] == []
    assert path.read_text(encoding="utf-8") == render(settings, warehouse_of(settings), now=NOW)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (cell(None), "\N{EN DASH}"),
        (cell(float("nan")), "\N{EN DASH}"),
        (cell(1234.5678), "1,234.568"),
        (cell(0.12345, 4), "0.1235"),
        (cell(1234567), "1,234,567"),
        (cell(["a", "b"]), "a, b"),
        (cell(date(2024, 7, 5)), "2024-07-05"),
        (usd(None), "\N{EN DASH}"),
        (usd(999.5), "999.50 USD"),
        (usd(-1234.5), "-1,234 USD"),
        (pct(0.1234), "12.3%"),
        (pct(None), "\N{EN DASH}"),
    ],
)
def test_values_are_shown_as_people_write_them(shown, wanted):
    assert shown == wanted
