import hashlib
import json

import polars as pl
from polars.testing import assert_frame_equal

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.forward.links import (
    FAILURE,
    FIRST_FORMER,
    PLANS,
    REVISION,
    Content,
    next_links,
    plain_rows,
    rows_as_frame,
)
from options_platform.testing.alpaca_account import plans_of
from options_platform_tests.forward_links import FIRST, chain_bytes, content, night


def test_a_chain_is_checked_with_the_standard_library_alone():
    former = "0" * 64
    for number, line in enumerate(chain_bytes().splitlines(), start=1):
        own, _, body = line.partition(b" ")
        link = json.loads(body)
        assert own.decode() == hashlib.sha256(body).hexdigest()
        assert (link["number"], link["former"]) == (number, former)
        former = own.decode()
    assert number == 6


def test_recorded_rows_are_the_plans_bit_by_bit():
    for plans, legs in (plans_of(), plans_of(iv_rank=None, direction="neutral", regime=None)):
        recorded = json.loads(json.dumps([plain_rows(plans, TRADE_PLAN),
                                          plain_rows(legs, TRADE_PLAN_LEGS)]))  # fmt: skip
        assert_frame_equal(rows_as_frame(recorded[0], TRADE_PLAN), plans, check_exact=True)
        assert_frame_equal(rows_as_frame(recorded[1], TRADE_PLAN_LEGS), legs, check_exact=True)


def test_rows_of_another_version_lack_columns_or_have_more():
    plans, _ = plans_of()
    row = plain_rows(plans, TRADE_PLAN)[0]
    row.pop("votes")
    row["of_tomorrow"] = 1
    assert rows_as_frame([row], TRADE_PLAN)["votes"].to_list() == [None]


def test_the_same_evening_again_adds_nothing_and_other_plans_are_a_revision_that_is_seen():
    first, changed = content(), content(close=260.0)
    moment = night(FIRST)
    links = [link for link, _ in next_links([], [first, first], moment, "1.0")]
    assert [link.kind for link in links] == [PLANS]
    assert links[0].former == FIRST_FORMER
    assert next_links(links, [content()], moment, "2.0") == []
    ((revision, _),) = next_links(links, [changed], moment, "1.0")
    assert (revision.kind, revision.former, revision.number) == (REVISION, links[0].hash, 2)
    # Back to what was recorded first is no change.
    assert next_links([*links, revision], [first, changed], moment, "1.0") == []


def test_a_failure_is_recorded_once_and_plans_that_come_before_the_open_still_count():
    failure = Content(FIRST, "mine", failure="it cannot be read")
    moment = night(FIRST)
    added = [link for link, _ in next_links([], [failure, failure], moment, "1.0")]
    assert [link.kind for link in added] == [FAILURE]
    ((link, _),) = next_links(added, [content(rule_set="mine")], moment, "1.0")
    assert link.kind == PLANS
    ((link, _),) = next_links(added, [content(shift(FIRST, 1), "mine")], moment, "1.0")
    assert link.kind == PLANS


def test_an_infinite_number_is_recorded_as_unknown():
    plans, _ = plans_of()
    rows = plain_rows(plans.with_columns(max_profit_usd=pl.lit(float("inf"))), TRADE_PLAN)
    assert rows[0]["max_profit_usd"] is None
