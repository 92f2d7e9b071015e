from options_platform.services.installation.first_steps import (
    COMPOSE,
    SHELL,
    first_steps,
    steps_in_words,
    way_of,
)
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.settings import make_settings

ALL = (
    "raw_ohlcv", "vix", "trade_plan", "broker", "alerts", "dagster daemon", "daily_after_close",
    "reports_after_daily",
)  # fmt: skip


def findings(*fine, **others):
    found = [Diagnosis(name, Diagnosis.OK, "") for name in fine]
    return found + [Diagnosis(name, state, "") for name, state in others.items()]


def lines(found, way=SHELL, **values):
    settings = make_settings({"tickers": ("SPY", "QQQ"), **values})
    return steps_in_words(first_steps(settings, found, way), way)


def test_a_new_home_begins_with_the_first_fetch():
    shown = lines(findings("broker"), COMPOSE)
    assert (
        shown[2] == "  next  bars of SPY, QQQ, and their indices: run: docker compose run --rm app"
    )
    assert [line[:6] for line in shown[1:-1]] == [
        "  done", "  next", "  open", "  done", "  open", "  open", "  open",
    ]  # fmt: skip
    assert shown[-1].endswith("docker compose run --rm app status")
    shell = "\n".join(lines(findings("broker")))
    assert "options-platform backfill --select raw_ohlcv,vix" in shell
    assert "docker" not in shell


def test_what_is_broken_comes_before_everything():
    shown = lines(findings(*ALL, source=Diagnosis.BROKEN))
    assert shown[1].startswith("  next  nothing broken: do what the lines")


def test_one_bad_finding_of_a_name_outweighs_the_good_one():
    shown = lines(findings(*ALL, vix=Diagnosis.NOTE))
    assert shown[2].startswith("  next  bars of SPY, QQQ")


def test_an_account_without_keys_is_told_their_names():
    shown = lines(findings("raw_ohlcv", "vix", "trade_plan"), broker="alpaca")
    (account,) = [line for line in shown if line.startswith("  next")]
    assert "an account: alpaca: set APCA_API_KEY_ID and APCA_API_SECRET_KEY" in account


def test_a_broker_that_does_not_answer_is_not_said_to_lack_keys():
    found = findings("raw_ohlcv", "vix", "trade_plan", broker=Diagnosis.NOTE)
    (account,) = [line for line in lines(found, broker="alpaca") if line.startswith("  next")]
    assert account.endswith(
        "alpaca: see the line broker; once it answers, run: options-platform doctor"
    )


def test_nothing_is_said_once_everything_is_in_place():
    assert lines(findings(*ALL)) == []


def test_the_mark_of_the_compose_file_chooses_its_commands():
    assert way_of({"OPTIONS_STARTED_BY": "compose"}) is COMPOSE
    assert way_of({}) is SHELL
