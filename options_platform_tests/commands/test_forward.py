"""`record --verify` and the forward part of `record`, as a user runs them."""

import json
import re

import pytest

from options_platform.cli import main
from options_platform.domain.forward.verification import read_chain
from options_platform_tests.forward_links import chain_bytes, chained_anew
from options_platform_tests.printed import flat

DATA = chain_bytes()
LINKS = read_chain(DATA).links
HEAD = LINKS[-1].hash
ALTERED = DATA.replace(b'"contracts":', b'"contractS":', 1)


@pytest.fixture
def record(tmp_path, monkeypatch):
    """The path of the record of a home."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("OPTIONS_HOME", str(home))
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    return home / "forward_record.chain"


def test_a_record_that_verifies_names_its_head_and_confirms_an_earlier_one(record, capsys):
    record.write_bytes(DATA)
    assert main(["record", "--verify"]) == 0
    printed = flat(capsys.readouterr().out)
    assert "6 links of plan, premium_ladder since 2015-01-02; every hash is right" in printed
    assert f"session 2015-01-06, link 6, head {HEAD}" in printed
    assert main(["record", "--verify", "--head", LINKS[1].hash.upper(), "--at", "2"]) == 0
    assert "The head of link 2 (session 2015-01-02) is in it" in capsys.readouterr().out
    assert main(["record", "--head", HEAD, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["verifies"], printed["links"], printed["confirmed"]) == (True, 6, 6)


def test_an_altered_link_is_named_and_the_exit_code_is_not_zero(record, capsys):
    record.write_bytes(ALTERED)
    assert main(["record", "--verify"]) == 1
    printed = capsys.readouterr()
    assert "link 1 (session 2015-01-02, rule set plan) was altered: content" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"".join(DATA.splitlines(keepends=True)[:4]), "has 4 links, and no link 6"),
        (chained_anew(DATA, 1, lambda link: link.update(version=2)), "link 6 .*chained anew"),
    ],
)
def test_a_record_cut_off_or_chained_anew_is_refused_with_a_head(record, capsys, data, said):
    record.write_bytes(data)
    assert main(["record", "--verify"]) == 0
    capsys.readouterr()
    assert main(["record", "--verify", "--head", HEAD, "--at", "6"]) == 1
    assert re.search(said, capsys.readouterr().err)


def test_a_number_without_a_head_and_a_head_that_is_no_hash_are_refused(record, capsys):
    record.write_bytes(DATA)
    assert main(["record", "--verify", "--at", "3"]) == 2
    assert "--at is the number of a --head" in capsys.readouterr().err
    assert main(["record", "--head", "abc"]) == 2
    assert "64 hex digits" in capsys.readouterr().err


def test_record_shows_each_set_since_it_was_installed_and_its_gaps(record, capsys):
    record.write_bytes(DATA)
    assert main(["record"]) == 0
    printed = flat(capsys.readouterr().out)
    assert "No session was traded yet." in printed
    assert "rule_set: premium_ladder, version: 1 since: 2015-01-02, sessions: " in printed
    assert "sessions not recorded before the open" in printed
    assert "plan: no backtest of these rules is stored" in printed
    assert main(["record", "--json"]) == 0
    forward = json.loads(capsys.readouterr().out)["forward"]
    assert [result["rule_set"] for result in forward["results"]] == ["plan", "premium_ladder"]
    assert forward["results"][0]["gaps"][0] == {"session": "2015-01-07", "reason": None}


def test_record_shows_what_a_set_brought_by_rules_that_it_had_before(record, capsys):
    record.write_bytes(chained_anew(DATA, 5, lambda link: link.update(digest="ba9876543210")))
    assert main(["record"]) == 0
    printed = flat(capsys.readouterr().out)
    assert "plan, by earlier rules, 2015-01-02 to 2015-01-05: 0.00 USD, no trades" in printed
    assert "premium_ladder, by earlier rules" not in printed


def test_record_says_by_which_fills_and_fees_a_set_was_recorded(record, capsys):
    free = {"fills": {"model": "mid"}, "costs": {"fee_per_contract_usd": 0.0}, "start_usd": 5e4}
    record.write_bytes(chained_anew(DATA, 2, lambda link: link.update(trading=free)))
    assert main(["record"]) == 0
    printed = flat(capsys.readouterr().out)
    terms = "traded by the terms of its first link: fill model"
    assert f"plan: {terms} default (slippage share 0.5), fees of 0.65 USD" in printed
    assert f"premium_ladder: {terms} mid (slippage share 0.5), fees of 0 USD" in printed
    assert "an account of 50,000 USD." in printed


def test_no_command_shows_results_of_a_record_that_was_altered(record, capsys):
    record.write_bytes(ALTERED)
    assert main(["record"]) == 1
    printed = capsys.readouterr()
    assert "link 1 " in printed.err
    assert "expected_entered" not in printed.out
    assert main(["record", "--json"]) == 1
    forward = json.loads(capsys.readouterr().out)["forward"]
    assert forward["verifies"] is False
    assert "results" not in forward
    assert main(["doctor"]) == 1
    assert "BROKEN forward record: the forward record does not verify: link 1 " in (
        capsys.readouterr().out
    )


def test_doctor_and_alerts_show_the_head(record, capsys):
    record.write_bytes(DATA)
    main(["doctor"])
    assert "ok    forward record: 6 links, every hash is right; session 2015-01-06, link 6, " in (
        capsys.readouterr().out
    )
    assert main(["alerts"]) == 0
    printed = flat(capsys.readouterr().out)
    assert "the forward record has a gap" in printed
    assert f"--verify --head {HEAD} --at 6" in printed
