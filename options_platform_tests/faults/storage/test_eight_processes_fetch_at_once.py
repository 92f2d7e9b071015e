"""Eight processes of one home request from one server at once, through the real yfinance."""

import json
import os
import subprocess
import sys
import textwrap
from datetime import date

import pytest

from options_platform.domain.calendar.sessions import sessions
from options_platform_tests.fakes.yahoo_server import YahooServer, bars_of, chart

PROCESSES = 8
TICKERS = [f"AA{letter}" for letter in "ABCDEFGH"]

FETCH = """
    import json, sys
    import yfinance
    from datetime import date
    from pathlib import Path
    from options_platform.adapters.sources.http.pace import Pace
    from options_platform.adapters.sources.yahoo.source import YahooSource
    from options_platform_tests.fakes.yahoo_server import Rewritten

    address, cache, tickers = sys.argv[1], Path(sys.argv[2]), sys.argv[3].split(",")
    span = (date(2024, 6, 10), date(2024, 7, 10))
    pace = Pace(cache / "yahoo-requests.json", 10_000)
    with Rewritten(address, pace=pace) as session:
        source = YahooSource(cache_dir=cache, session=session)
        print("ready", flush=True)
        sys.stdin.readline()
        found = {ticker: source.bars(ticker, *span) for ticker in tickers}
        closes = source.index_bars("VIX", *span)
        # What yfinance does with a cookie of Yahoo's own domain, which loopback cannot set.
        for number in range(300):
            yfinance.cache.get_cookie_cache().store("curlCffi", {"number": number})
    print(json.dumps({
        "days": {name: [str(day) for day in bars["date"]] for name, bars in found.items()},
        "closes": {name: bars["close"].to_list() for name, bars in found.items()},
        "index": closes.height,
    }))
"""


@pytest.mark.long
def test_eight_processes_fetch_without_a_lock_error_or_a_doubled_row(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(tmp_path),
    }
    cache = str(tmp_path / "cache")
    script = [sys.executable, "-c", textwrap.dedent(FETCH)]
    orders = [",".join(TICKERS[at:] + TICKERS[:at]) for at in range(PROCESSES)]
    with YahooServer() as server:
        for number, name in enumerate([*TICKERS, "^VIX"]):
            rows = [(day, close + 1000 * number, volume) for day, close, volume in bars_of()]
            server.charts[name] = chart(name, rows)
        processes = [
            subprocess.Popen(
                [*script, server.address, cache, order],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for order in orders
        ]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, outputs
    days = [str(day) for day in sessions(date(2024, 6, 10), date(2024, 7, 10))]
    answers = [json.loads(out) for out, _ in outputs]
    for answer in answers:
        assert set(answer["days"]) == set(TICKERS)
        assert all(given == days for given in answer["days"].values())
        assert answer["closes"] == answers[0]["closes"]
        assert answer["index"] == len(days)
    assert not any("lock" in errors.lower() for _, errors in outputs)
    assert list(tmp_path.rglob("*.db")) == []
    # One request a ticker and kind in each process.
    assert server.count("/chart/") == PROCESSES * (len(TICKERS) + 1)
    stamps = json.loads((tmp_path / "cache" / "yahoo-requests.json").read_text())
    assert len(stamps) == len(server.requests)
