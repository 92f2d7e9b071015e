"""Members of other packages are found by their entry points; a broken one is named and left out."""

import logging
import sys

import pytest

from options_platform import extensions
from options_platform.domain.features.registry import require_family
from options_platform.domain.features.spec import Feature
from options_platform.domain.strategies import STRATEGIES, require_strategy
from options_platform.domain.strategies.base import Leg, Strategy
from options_platform.extensions import Registry, broken, members
from options_platform.models.selection.candidates import DIRECTION, require_candidate
from options_platform.settings.brokers import BrokerEntry, require_broker
from options_platform.settings.sources import SourceEntry, require_source

STRATEGY = """
from options_platform.domain.strategies.base import Leg, Strategy
STRATEGY = Strategy("{name}", "debit", "bullish", (Leg("buy", "call", "anchor"),))
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with a module and one entry point, as an installer lays it out."""

    def forget():
        extensions.declared.cache_clear()
        extensions._all_entry_points.cache_clear()
        extensions._BROKEN.clear()

    def made(package, name, code, *, group="strategies", attribute="STRATEGY"):
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        points = f"[options_platform.{group}]\n{name} = {package}:{attribute}\n"
        (info / "entry_points.txt").write_text(points)
        forget()

    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield made
    monkeypatch.undo()
    forget()
    for module in list(sys.modules):
        if module.startswith("own_"):
            del sys.modules[module]


def registry():
    return Registry("strategies", STRATEGIES.builtin, require_strategy)


def test_a_member_of_another_package_comes_after_the_platforms_own(install):
    install("own_one", "long_call", STRATEGY.format(name="long_call"))
    listed = registry()
    assert list(listed) == [*STRATEGIES.builtin, "long_call"]
    assert listed["long_call"].legs == (Leg("buy", "call", "anchor"),)
    assert len(listed) == len(STRATEGIES.builtin) + 1
    assert broken() == []


def test_nothing_is_imported_before_another_package_is_asked_for(install):
    install("own_late", "long_call", STRATEGY.format(name="long_call"))
    listed = registry()
    assert listed["iron_condor"].name == "iron_condor"
    assert "calendar" in listed
    assert "own_late" not in sys.modules
    assert "long_call" in listed
    assert "own_late" in sys.modules


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise RuntimeError('first line\\nsecond line')", "RuntimeError: first line second line"),
        ("STRATEGY = 7", "TypeError: it is a int, not a Strategy"),
        (STRATEGY.format(name="other"), "calls itself other; both names must be the same"),
        ("", "has no attribute 'STRATEGY'"),
    ],
)
def test_one_that_cannot_be_used_is_named_once_and_the_rest_goes_on(install, caplog, code, why):
    install("own_broken", "long_call", code)
    install("own_whole", "long_put", STRATEGY.format(name="long_put"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert list(registry()) == [*STRATEGIES.builtin, "long_put"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(
        "long_call (options_platform.strategies of the package own_broken, own_broken:STRATEGY) "
        "is left out: "
    )
    assert why in line
    assert "\n" not in line
    assert [str(each) for each in broken()] == [line]


def test_a_name_that_is_taken_is_reported_and_the_first_counts(install):
    install("own_condor", "iron_condor", STRATEGY.format(name="iron_condor"))
    install("own_first", "long_call", STRATEGY.format(name="long_call"))
    install("own_second", "long_call", STRATEGY.format(name="long_call"))
    listed = registry()
    assert listed["iron_condor"] is STRATEGIES["iron_condor"]
    assert list(listed) == [*STRATEGIES.builtin, "long_call"]
    assert sorted(each.extension.name for each in broken()) == ["iron_condor", "long_call"]
    assert all("the name is taken" in str(each) for each in broken())


def test_a_member_may_be_added_for_one_process():
    listed = registry()
    own = Strategy("long_call", "debit", "bullish", (Leg("buy", "call", "anchor"),))
    listed.add("long_call", own)
    assert listed["long_call"] is own
    assert "long_call" not in STRATEGIES
    with pytest.raises(ValueError, match="the platform's own"):
        listed.add("iron_condor", own)
    with pytest.raises(ValueError, match="both names must be the same"):
        listed.add("other", own)


def test_each_group_says_what_its_members_must_be(install):
    feature = Feature("own_x", "own", "x", "", ("close",), 1, None)
    module = {"module": "source", "package": "own"}
    for check, name, member, why in (
        (require_strategy, "Bad", Strategy("Bad", "debit", "bullish", (Leg("buy", "call",
         "anchor"),)), "no name for a strategy"),
        (require_family, "own", [feature], "a tuple of Feature"),
        (require_family, "own", (feature,), "own_x has no formula"),
        (require_family, "other", (feature,), "of the family own"),
        (require_source, "own", SourceEntry("own", "source"), "does not name the package"),
        (require_source, "other", SourceEntry("own", **module), "both names must be the same"),
        (require_broker, "own", BrokerEntry("own", **module, live_rules="alpaca"), "paper only"),
        (require_broker, "own", SourceEntry("own", **module), "not a BrokerEntry"),
        (require_candidate, "own", DIRECTION[0], "neither a DirectionBlend nor a RankBlend"),
        (require_candidate, "own", DIRECTION[1], "calls itself logit"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=why):
            check(name, member)
    install("own_family", "own", "FAMILY = ()", group="features", attribute="FAMILY")
    assert members("features", set(), require_family) == {"own": ()}
