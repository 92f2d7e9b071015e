import gzip
from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest

from options_platform.adapters.ports.market_data import EARNINGS_SCHEMA, SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.errors import SourceError, UsageError
from options_platform_tests.adapters.sources.files import vendor_chains

SESSION = date(2024, 7, 3)
NOW = datetime(2024, 7, 13, 4, 30, tzinfo=UTC)
YEAR = (date(2024, 1, 1), date(2024, 12, 31))
TERMS = "expiry,right,strike\n2024-07-19,call,550\n2024-07-19,P,550.5\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "options").mkdir()
    return tmp_path


def chain_of(folder, text, name="SPY_2024-07-03.csv"):
    (folder / "options" / name).write_text(text)
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    return source.option_chain("SPY", SESSION, NOW)


def earnings_of(folder, text):
    (folder / "AAPL_earnings.csv").write_text(text)
    return open_source("csv", SourceOptions(csv_dir=str(folder))).earnings("AAPL", *YEAR)


def test_a_file_of_only_contract_terms_is_a_chain_with_null_in_other_columns(folder):
    found = chain_of(folder, TERMS)
    assert found.schema == SOURCE_CHAIN_SCHEMA
    assert found["right"].to_list() == ["call", "put"]
    assert found["contract_symbol"].to_list() == ["SPY240719C00550000", "SPY240719P00550500"]
    # A half day: the quotes are of 13:00 New York.
    assert found["quoted_at"].unique().to_list() == [datetime(2024, 7, 3, 17, 0, tzinfo=UTC)]
    given = {"quoted_at", "ticker", "contract_symbol", "expiry", "right", "strike", "source"}
    for name in set(found.columns) - given:
        assert found[name].null_count() == 2


def test_all_columns_are_read_and_empty_fields_are_null(folder):
    head = ",".join(name for name in SOURCE_CHAIN_SCHEMA if name != "source")
    rows = [
        "2024-07-03T12:59:00-04:00,SPY,SPY240719C00550000,2024-07-19,call,550,2,2.1,2.05,"  # noqa: ISC004
        "2024-07-03T16:58:00Z,12,340,100,551.4,0.21,0.5,0.01,-0.2,0.4",
        ",SPY,,2024-07-19,put,550,,,,,,,,,,,,,",
    ]
    found = chain_of(folder, "\n".join([head, *rows]) + "\n")
    first, second = found.rows(named=True)
    assert first["quoted_at"] == datetime(2024, 7, 3, 16, 59, tzinfo=UTC)
    assert first["last_trade_at"] == datetime(2024, 7, 3, 16, 58, tzinfo=UTC)
    assert (first["bid"], first["spot"], first["source_vega"]) == (2.0, 551.4, 0.4)
    assert second["contract_symbol"] == "SPY240719P00550000"
    assert second["bid"] is None


def test_parquet_and_gzip_are_read_likewise(folder):
    plain = chain_of(folder, TERMS)
    (folder / "options" / "SPY_2024-07-03.csv").unlink()
    frame = pl.DataFrame(
        {
            "expiry": [date(2024, 7, 19)] * 2,
            "right": ["call", "put"],
            "strike": [550.0, 550.5],
            "quoted_at": [datetime(2024, 7, 3, 13, tzinfo=timezone(timedelta(hours=-4)))] * 2,
        }
    )
    frame.write_parquet(folder / "options" / "SPY_2024-07-03.parquet")
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    assert source.option_chain("SPY", SESSION, NOW).equals(plain)
    (folder / "options" / "SPY_2024-07-03.csv.gz").write_bytes(gzip.compress(TERMS.encode()))
    assert source.option_chain("SPY", SESSION, NOW).equals(plain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("expiry,right\n2024-07-19,call\n", "lacks the columns strike"),
        ("expiry,right,strike\n", "holds no rows"),
        (TERMS + "2024-07-19,straddle,5\n", "line 4: 'straddle' is neither call nor put"),
        (TERMS + "2024-07-19,,5\n", "line 4"),
        (TERMS + "soon,call,5\n", "line 4: 'soon' is no date"),
        (TERMS + "2024-07-19,call,\n", "line 4: no strike"),
        (TERMS + "2024-07-19,call,-5\n", "line 4: no strike"),
        (TERMS + "2024-07-19,call,x\n", "line 4: 'x' in column strike"),
        (TERMS + "2024-07-19,call\n", "line 4 is cut short"),
        (
            "expiry,right,strike,quoted_at\n2024-07-19,call,5,2024-07-02T15:00:00-04:00\n",
            "not of the session 2024-07-03",
        ),
        (
            "expiry,right,strike,last_trade_at\n2024-07-19,call,5,2024-07-05T15:00:00-04:00\n",
            "after the session 2024-07-03",
        ),
        ("expiry,right,strike,quoted_at\n2024-07-19,call,5,noon\n", "line 2: 'noon' in column"),
        ("expiry,right,strike,ticker\n2024-07-19,call,5,QQQ\n", "line 2 is of QQQ, not of SPY"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_its_line(folder, text, message):
    with pytest.raises(SourceError, match=f"SPY_2024-07-03.csv.*{message}") as error:
        chain_of(folder, text)
    assert "\n" not in str(error.value)


def test_times_without_a_zone_are_refused(folder):
    frame = pl.DataFrame(
        {
            "expiry": [date(2024, 7, 19)],
            "right": ["call"],
            "strike": [550.0],
            "quoted_at": [datetime(2024, 7, 3, 13)],  # noqa: DTZ001
        }
    )
    frame.write_parquet(folder / "options" / "SPY_2024-07-03.parquet")
    with pytest.raises(SourceError, match="lack their zone"):
        chain_of(folder, TERMS, name="QQQ_2024-07-03.csv")


def test_a_session_without_a_file_is_an_error_that_names_it(folder):
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    with pytest.raises(SourceError, match=r"no options/SPY_2024-07-03\.csv"):
        source.option_chain("SPY", SESSION, NOW)


def test_the_chain_of_a_session_that_is_not_over_is_refused(folder):
    with pytest.raises(SourceError, match="newest complete session is 2024-07-12"):
        open_source("csv", SourceOptions(csv_dir=str(folder))).option_chain(
            "SPY", date(2024, 7, 15), NOW
        )


@pytest.mark.parametrize("ticker", ["../x", "spy", "SPY/../../x"])
def test_a_hostile_ticker_is_refused(folder, ticker):
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    for ask in (
        lambda: source.option_chain(ticker, SESSION, NOW),
        lambda: source.earnings(ticker, *YEAR),
    ):
        with pytest.raises(UsageError):
            ask()


def test_earnings_of_a_file(folder):
    text = (
        "date,timing,eps_estimate,eps_reported\n"
        "2024-10-31,after_close,1.60,1.64\n2024-05-02,,1.5,\n2023-11-02,after_close,1,1\n"
    )
    found = earnings_of(folder, text)
    assert found.schema == EARNINGS_SCHEMA
    assert found.rows() == [
        (date(2024, 5, 2), "AAPL", None, 1.5, None, "csv"),
        (date(2024, 10, 31), "AAPL", "after_close", 1.6, 1.64, "csv"),
    ]


def test_dates_alone_are_earnings(folder):
    assert earnings_of(folder, "date\n2024-05-02\n")["timing"].to_list() == [None]


def test_the_earnings_file_of_a_fund_has_only_a_header(folder):
    assert earnings_of(folder, "date,timing\n").is_empty()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,timing\n2024-05-02,noon\n", "line 2: 'noon' is neither before_open nor"),
        ("date\n2024-13-02\n", "line 2"),
        ("date,eps_reported\n2024-05-02,x\n", "line 2: 'x' in column eps_reported"),
        ("", "is empty"),
    ],
)
def test_a_wrong_earnings_file_is_refused_with_its_line(folder, text, message):
    with pytest.raises(SourceError, match=rf"AAPL_earnings\.csv.*{message}"):
        earnings_of(folder, text)


def test_missing_earnings_are_an_error_and_not_an_empty_answer(folder):
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    with pytest.raises(SourceError, match=r"no AAPL_earnings\.csv"):
        source.earnings("AAPL", *YEAR)


def optionsdx(*days):
    """A file of OptionsDX: calls and puts of a strike side by side, one line a strike and day."""
    export = vendor_chains.CHAINS[0]
    header, first, *_ = export.content.splitlines()
    lines = [first.replace("2024-07-01", day).replace("16.000000", "13.000000", 1) for day in days]
    return "\n".join([header, *lines]) + "\n"


def test_a_chain_of_optionsdx_is_read_as_downloaded(folder):
    found = chain_of(folder, optionsdx("2024-07-03"))
    assert found["right"].to_list() == ["call", "put"]
    assert found["contract_symbol"].to_list() == ["SPY240719C00545000", "SPY240719P00545000"]
    assert found["bid"].to_list() == [7.4, 5.9]
    assert found["spot"].to_list() == [545.34, 545.34]
    assert found["source_iv"].to_list() == [0.11, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (optionsdx("2024-07-03", "2024-07-05"), "holds quotes of 2024-07-05, which is not the"),
        (
            optionsdx("2024-07-03", "2024-07-03").replace("13.000000", "9.500000", 1),
            "quotes at 2 times of day on 2024-07-03; fetch the end-of-day file",
        ),
    ],
)  # fmt: skip
def test_a_chain_of_several_sessions_or_times_is_refused(folder, text, message):
    with pytest.raises(SourceError, match=message):
        chain_of(folder, text)


def test_contracts_under_a_vendors_prefix_keep_their_terms(folder):
    text = "contractSymbol,lastPrice,bid,ask\nO:SPY240719C00550000,2,1.9,2.1\n"
    found = chain_of(folder, text)
    assert found.select("expiry", "right", "strike").rows() == [(date(2024, 7, 19), "call", 550.0)]
    with pytest.raises(SourceError, match="line 2: 'SPY-JUL-550' is no OCC symbol"):
        chain_of(folder, text.replace("O:SPY240719C00550000", "SPY-JUL-550"))
