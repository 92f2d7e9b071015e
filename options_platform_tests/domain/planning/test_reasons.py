import ast
from pathlib import Path

import options_platform
from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.planning.reasons import REASONS
from options_platform.testing.plan_rows import BATCH
from options_platform_tests.domain.planning.test_plan import CONDORS


def test_every_regime_and_direction_has_its_sentence():
    for name in [f"REGIME_{r.upper()}" for r in REGIMES] + [
        f"DIRECTION_{d}" for d in ("BULLISH", "BEARISH", "NEUTRAL")
    ]:
        assert REASONS[name].startswith("trade: ")


def test_every_code_that_a_batch_of_plans_gives_has_its_sentence():
    plans, _ = build_plans(BATCH, CONDORS)
    codes = set(plans["reasons"].explode().to_list())
    assert len(codes) > 8
    assert codes <= set(REASONS)


def test_every_code_is_given_somewhere_in_the_domain():
    """A sentence for a code that nothing gives would be a promise without a rule."""
    folder = Path(options_platform.__file__).parent / "domain"
    given = {
        node.value
        for file in folder.rglob("*.py")
        if file.name != "reasons.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    composed = {code for code in REASONS if code.startswith(("REGIME_", "DIRECTION_"))}
    assert set(REASONS) - composed <= given
