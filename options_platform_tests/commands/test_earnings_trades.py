"""`earnings --trades` shows what the records of earnings strategies prove."""

import json

from options_platform.cli import main
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES


def test_the_verdict_on_every_strategy_is_shown(tmp_path, monkeypatch, capsys):
    for name, value in {"HOME": str(tmp_path), "SOURCE": "csv", "CSV_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"OPTIONS_{name}", value)
    monkeypatch.chdir(tmp_path)
    assert main(["earnings", "--trades", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["strategy"] for row in rows] == list(EARNINGS_STRATEGIES)
    assert {row["status"] for row in rows} == {"research"}
    assert main(["earnings", "--trades"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Earnings trades are off." in said
    assert "with 30, 60, 120 trades on real quotes" in said
