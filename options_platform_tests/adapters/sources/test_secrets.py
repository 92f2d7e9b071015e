"""Keys appear in no error, no log, no repr, and nowhere in the chain of an error."""

import logging
import sys
import traceback
from datetime import UTC, date, datetime

import pytest

from options_platform.adapters.sources import SourceOptions, open_source, require_ready
from options_platform.adapters.sources.alpaca.keys import Keys, require_keys
from options_platform.adapters.sources.alpaca.source import AlpacaSource
from options_platform.errors import SourceError
from options_platform.services.market_data.diagnosis import diagnose
from options_platform.settings import make_settings
from options_platform_tests.fakes.alpaca_server import KEYS, AlpacaServer, Rewritten, bars_of
from options_platform_tests.fakes.http_server import BREAK_OFF, DROP, HANG

SPAN = (date(2024, 6, 10), date(2024, 7, 10))
AFTER = datetime(2024, 7, 13, 4, 30, tzinfo=UTC)
CANARIES = (KEYS.key, KEYS.secret)
ECHO = '{"message": "no account for %s and %s"}' % CANARIES  # noqa: UP031
FAULTS = {
    "unauthorized": (401, ECHO),
    "forbidden": (403, ECHO),
    "plain text": (403, " ".join(CANARIES)),
    "rate limit": (429, ECHO),
    "server error": (500, ECHO),
    "no json": (200, " ".join(CANARIES)),
    "another shape": (200, ECHO),
    "drop": DROP,
    "break off": BREAK_OFF,
    "hang": HANG,
}


def everything_behind(error):
    """Everything reachable from an error: its chain, arguments, attributes, and frames."""
    seen, queue, texts = set(), [error], []
    while queue:
        thing = queue.pop()
        if id(thing) in seen or thing is None:
            continue
        seen.add(id(thing))
        texts += [repr(thing), str(thing)]
        if isinstance(thing, BaseException):
            queue += [thing.__cause__, thing.__context__, *thing.args, *vars(thing).values()]
        elif isinstance(thing, dict):
            queue += [*thing.keys(), *thing.values()]
        elif hasattr(thing, "headers"):
            queue += [thing.headers, *vars(thing).values()]
    return "\n".join(texts)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["bars", "chain"])
def test_no_error_log_or_text_shows_a_key(caplog, capfd, fault, kind):
    caplog.set_level(logging.DEBUG)
    with AlpacaServer() as server:
        server.bars["SPY"] = bars_of()
        server.faults.extend([FAULTS[fault]] * 10)
        session = Rewritten(server.address, timeout_seconds=0.3)
        source = AlpacaSource(
            cache_dir=None, keys=KEYS, session=session, sleep=lambda _: None, now=lambda: AFTER
        )
        ask = {
            "bars": lambda: source.bars("SPY", *SPAN),
            "chain": lambda: source.option_chain("SPY", date(2024, 7, 12), AFTER),
        }
        with pytest.raises(SourceError) as caught:
            ask[kind]()
        # They were sent, so they could have come back.
        assert any(KEYS.secret in sent.values() for sent in server.headers)
    shown = "\n".join(
        [
            everything_behind(caught.value),
            "".join(traceback.format_exception(caught.value)),
            caplog.text,
            *capfd.readouterr(),
            *(repr(thing) for thing in (source, session, source._clients, KEYS, source._policy)),
        ]
    )
    for canary in CANARIES:
        assert canary not in shown


def test_keys_show_neither_part():
    assert repr(KEYS) == str(KEYS) == "Keys()"


@pytest.mark.parametrize(
    "environment",
    [
        {"APCA_API_KEY_ID": "a", "APCA_API_SECRET_KEY": "b"},
        {"ALPACA_API_KEY": "a", "ALPACA_SECRET_KEY": "b"},
        {"APCA_API_KEY_ID": "half", "ALPACA_API_KEY": "a", "ALPACA_SECRET_KEY": " b\n"},
    ],
)
def test_keys_come_from_either_pair_of_variables(environment):
    assert require_keys(environment) == Keys("a", "b")


@pytest.mark.parametrize(
    "environment", [{}, {"APCA_API_KEY_ID": "a"}, {"ALPACA_SECRET_KEY": "canary"}]
)
def test_missing_keys_are_one_line_that_names_the_variables(environment):
    with pytest.raises(SourceError, match="set APCA_API_KEY_ID and APCA_API_SECRET_KEY") as error:
        require_keys(environment)
    assert "\n" not in str(error.value)
    assert "canary" not in str(error.value)


@pytest.fixture
def no_keys(monkeypatch):
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_a_missing_extra_is_one_line_that_says_what_to_install(monkeypatch, no_keys, tmp_path):
    monkeypatch.setitem(sys.modules, "alpaca", None)
    source = open_source("alpaca", SourceOptions(cache_dir=tmp_path))
    for ask in (lambda: source.bars("SPY", *SPAN), lambda: require_ready("alpaca")):
        with pytest.raises(SourceError, match=r"install it: pip install") as error:
            ask()
        assert "\n" not in str(error.value)


def test_the_info_of_a_source_needs_no_keys(no_keys, tmp_path):
    source = open_source("alpaca", SourceOptions(cache_dir=tmp_path))
    assert source.info.label == "Alpaca"
    with pytest.raises(SourceError, match="needs keys"):
        source.bars("SPY", *SPAN)


@pytest.mark.parametrize("order", [{"source": "alpaca"}, {"fallback_sources": ("alpaca",)}])
def test_doctor_reports_missing_keys(monkeypatch, no_keys, tmp_path, order):
    settings = make_settings({"home": str(tmp_path / "home"), **order}, directory=tmp_path)
    (found,) = [one for one in diagnose(settings) if one.what == "source"]
    assert found.state == "BROKEN"
    assert "APCA_API_KEY_ID" in found.detail
    monkeypatch.setenv("APCA_API_KEY_ID", KEYS.key)
    monkeypatch.setenv("APCA_API_SECRET_KEY", KEYS.secret)
    findings = diagnose(settings)
    (found,) = [one for one in findings if one.what == "source"]
    assert found.state == "ok"
    assert not any(canary in repr(findings) for canary in CANARIES)
