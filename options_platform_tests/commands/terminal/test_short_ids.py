import pytest

from options_platform.commands.terminal.short_ids import found_by, shortened
from options_platform.errors import UsageError

QQQ = "20181219-QQQ-entry-e2540aa027"
LADDER = "20181219-QQQ-entry-premium_ladder-ec8ad06e2f"
SPY = "20181219-SPY-entry-761448207a"


def test_an_id_is_shortened_to_what_tells_it_apart():
    assert shortened([QQQ, SPY]) == {QQQ: "20181219-QQQ…", SPY: "20181219-SPY…"}
    short = shortened([QQQ, LADDER, SPY])
    assert short[QQQ] == "20181219-QQQ-entry-e…"
    assert short[LADDER] == "20181219-QQQ-entry-p…"
    assert shortened(["by-hand", SPY])["by-hand"] == "by-hand"


def test_every_shortened_id_finds_its_own():
    ids = [QQQ, LADDER, SPY, "by-hand", "by-hand-2"]
    for one, short in shortened(ids).items():
        assert found_by(short, ids, "position") == one
        assert found_by(one, ids, "position") == one


def test_a_beginning_of_several_ids_or_of_none_is_refused():
    with pytest.raises(UsageError, match=r"2 positions have .* 20181219-QQQ.*, 20181219-SPY"):
        found_by("2018", [QQQ, SPY], "position")
    with pytest.raises(UsageError, match="no position has an id that begins with '2019'"):
        found_by("2019", [QQQ, SPY], "position")
    with pytest.raises(UsageError, match="there is no position"):
        found_by("2019", [], "position")
