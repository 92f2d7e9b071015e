import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.forward.links import PLANS, chained
from options_platform.domain.forward.verification import read_chain, require_head
from options_platform.errors import ForwardRecordError, UsageError
from options_platform_tests.forward_links import (
    FIRST,
    SETS,
    chain_bytes,
    chained_anew,
    content,
    night,
)

DATA = chain_bytes()
LINES = DATA.splitlines(keepends=True)
LINKS = read_chain(DATA).links


def fault_of(data):
    return read_chain(data).fault


def test_a_chain_as_it_was_written_verifies():
    chain = read_chain(DATA)
    assert chain.fault is None
    assert [link.number for link in chain.links] == [1, 2, 3, 4, 5, 6]
    assert [link.rule_set for link in chain.links] == [*SETS, *SETS, *SETS]
    chain.require_sound()
    assert read_chain(b"").head is None


@given(at=st.integers(0, len(DATA) - 1), other=st.integers(1, 255))
def test_any_altered_byte_is_named_with_its_link(at, other):
    altered = bytearray(DATA)
    altered[at] ^= other
    number = DATA[:at].count(b"\n") + 1
    fault = fault_of(bytes(altered))
    assert fault is not None
    assert fault.number == number
    assert f"link {number} (" in fault.text
    chain = read_chain(bytes(altered))
    assert len(chain.links) == number - 1
    with pytest.raises(ForwardRecordError, match=f"link {number} "):
        chain.require_sound()


@given(at=st.integers(0, len(DATA)), byte=st.integers(0, 255))
def test_any_inserted_or_deleted_byte_is_named_with_its_link(at, byte):
    number = DATA[:at].count(b"\n") + 1
    assert fault_of(DATA[:at] + bytes([byte]) + DATA[at:]).number in (number, number - 1)
    if at < len(DATA):
        assert fault_of(DATA[:at] + DATA[at + 1 :]).number == number


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"contracts":', b'"contractS":', "content"),
        (LINES[2][:8], b"00000000", "hash"),
    ],
)
def test_content_and_hash_are_told_apart_by_the_link_that_follows(old, new, what):
    altered = b"".join([*LINES[:2], LINES[2].replace(old, new, 1), *LINES[3:]])
    fault = fault_of(altered)
    assert (fault.number, fault.session, fault.rule_set) == (3, "2015-01-05", "plan")
    assert fault.what == what


def test_dropped_moved_doubled_and_exchanged_links_are_named():
    dropped = fault_of(b"".join(LINES[:2] + LINES[3:]))
    assert (dropped.number, dropped.what) == (3, "missing link")
    assert (fault_of(b"".join(LINES[1:])).number, fault_of(b"".join(LINES[1:])).what) == (
        1, "missing link",
    )  # fmt: skip
    moved = fault_of(b"".join([LINES[0], LINES[2], LINES[1], *LINES[3:]]))
    assert (moved.number, moved.what) == (2, "order")
    doubled = fault_of(b"".join([*LINES[:2], LINES[1], *LINES[2:]]))
    assert (doubled.number, doubled.what) == (3, "order")
    other = chained_anew(DATA, 2, lambda link: link.update(digest="ba9876543210")).splitlines(
        keepends=True
    )
    exchanged = fault_of(b"".join([LINES[0], other[1], *LINES[2:]]))
    assert (exchanged.number, exchanged.what) == (3, "former hash")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        # Written after the next open, or before the close.
        (lambda link: link.update(created_at="2015-01-05T14:30:00.000000+00:00"), "time"),
        (lambda link: link.update(created_at="2015-01-02T20:59:59.000000+00:00"), "time"),
        (lambda link: link.update(session="2015-01-03"), "time"),
        (lambda link: link.update(next_open="2015-01-03T05:00:00+00:00"), "time"),
        (lambda link: link.update(next_open="2015-01-05T14:30:00"), "form"),
        (lambda link: link.update(kind="other"), "form"),
        (lambda link: link.pop("plans"), "form"),
        (lambda link: link.update(number="x"), "form"),
        # An open that the calendar does not have, so that plans of weeks later look in time.
        (
            lambda link: link.update(
                next_open="2015-03-02T14:30:00+00:00", created_at="2015-02-27T22:00:00+00:00"
            ),
            "time",
        ),
        # Plans of a session that has passed, under the hash of tonight.
        (lambda link: link["plans"][0].update(date="2014-12-31"), "form"),
        (lambda link: link["legs"][0].update(date="2014-12-31"), "form"),
        (lambda link: link["plans"][0].update(rule_set="plan"), "form"),
        (lambda link: link.update(plans=["a trade"]), "form"),
        # The first plans count, and only plans do.
        (lambda link: link.update(kind="revision"), "form"),
        (lambda link: link.update(kind="failure"), "form"),
        (lambda link: link.update(failure="no such strike"), "form"),
    ],
)
def test_a_link_with_a_right_hash_may_still_not_be_what_a_run_writes(change, what):
    fault = fault_of(chained_anew(DATA, 2, change))
    assert (fault.number, fault.what) == (2, what)


def test_a_second_link_of_plans_that_count_of_one_session_and_set_is_named():
    other = content(shift(FIRST, 2), close=260.0)
    _, line = chained(
        other, number=7, former=LINKS[-1].hash, kind=PLANS, created_at=night(shift(FIRST, 2)),
        platform="1.0",
    )  # fmt: skip
    fault = fault_of(DATA + line)
    assert (fault.number, fault.rule_set, fault.what) == (7, "plan", "form")
    assert fault.detail.endswith("it is revision")


def test_a_session_before_that_of_the_link_before_is_out_of_order():
    data = chained_anew(
        DATA, 3,
        lambda link: link.update(session="2014-12-31", created_at="2015-01-01T05:30:00+00:00"),
    )  # fmt: skip
    assert (fault_of(data).number, fault_of(data).what) == (3, "order")


def test_a_record_chained_anew_verifies_alone_and_is_refused_with_a_head_that_has_left():
    heads = [link.hash for link in LINKS]
    anew = read_chain(chained_anew(DATA, 3, lambda link: link.update(digest="ba9876543210")))
    assert anew.fault is None
    assert require_head(anew.links, heads[1], 2).number == 2
    with pytest.raises(ForwardRecordError, match=r"link 6 .*premium_ladder.*chained anew"):
        require_head(anew.links, heads[5], 6)
    with pytest.raises(ForwardRecordError, match="not in the record, which has 6 links"):
        require_head(anew.links, heads[2])


def test_a_record_that_was_cut_off_verifies_alone_and_is_refused_with_a_later_head():
    short = read_chain(b"".join(LINES[:4]))
    assert short.fault is None
    assert require_head(short.links, LINKS[3].hash).number == 4
    with pytest.raises(ForwardRecordError, match="4 links, and no link 6: it was cut off"):
        require_head(short.links, LINKS[5].hash, 6)


def test_a_head_that_is_none_or_of_another_link_is_said_so():
    with pytest.raises(UsageError, match="64 hex digits"):
        require_head(LINKS, "abc")
    with pytest.raises(ForwardRecordError, match="of link 6, not of link 5"):
        require_head(LINKS, LINKS[5].hash, 5)


def test_a_chain_that_another_program_has_written_by_the_page_verifies():
    values = json.loads(LINES[0][65:])
    body = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    assert hashlib.sha256(body).hexdigest().encode() + b" " + body + b"\n" == LINES[0]
