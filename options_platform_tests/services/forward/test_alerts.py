from options_platform.domain.calendar.sessions import shift
from options_platform.domain.forward.links import Content, next_links
from options_platform.domain.forward.verification import Chain, read_chain
from options_platform.services.forward.alerts import forward_alerts, gap_texts, head_message
from options_platform.settings import make_settings
from options_platform_tests.forward_links import FIRST, chain_bytes, content, night, too_late

DATA = chain_bytes()
CHAIN = read_chain(DATA)
LAST = CHAIN.links[-1].session


def settings_in(tmp_path, **changes):
    (tmp_path / "rule_sets").mkdir()
    (tmp_path / "rule_sets" / "mine.toml").write_text("version = 1\n")
    return make_settings({"home": tmp_path, "source": "simulated", "end": None, **changes})


def test_the_head_is_a_message_with_session_number_and_hash_and_how_to_check_it():
    message = head_message(CHAIN)
    head = CHAIN.links[-1].hash
    assert f"session 2015-01-06, link 6, head {head}" in message.text
    assert f"record --verify --head {head} --at 6" in message.text
    assert message.key != head_message(Chain(CHAIN.links[:-1])).key
    assert head_message(Chain(())) is None
    assert head_message(read_chain(DATA[:-5])) is None


def test_a_sound_record_of_tonight_has_no_alert(tmp_path):
    settings = settings_in(tmp_path)
    assert forward_alerts(settings, CHAIN, night(LAST)) == []
    assert forward_alerts(settings, CHAIN, too_late(LAST)) == []
    assert forward_alerts(settings, Chain(()), too_late(LAST)) == []


def test_an_altered_link_is_an_alert_of_its_own(tmp_path):
    altered = read_chain(DATA.replace(b'"contracts":', b'"contractS":', 1))
    (alert,) = forward_alerts(settings_in(tmp_path), altered, night(LAST))
    assert "CRITICAL" in alert.title
    assert "link 1 (session 2015-01-02, rule set plan)" in alert.text


def test_a_session_that_was_not_recorded_in_time_is_an_alert_once_its_next_open_has_passed(
    tmp_path,
):
    settings = settings_in(tmp_path)
    missed = shift(LAST, 2)
    assert forward_alerts(settings, CHAIN, night(shift(LAST, 1))) == []
    (alert,) = forward_alerts(settings, CHAIN, too_late(missed))
    assert alert.title == f"the forward record has a gap: {missed}"
    assert alert.text.startswith(f"2 sessions after {LAST}")
    # A history with an end has no later sessions to miss.
    ended = make_settings({"home": tmp_path, "source": "simulated", "end": LAST})
    assert forward_alerts(ended, CHAIN, too_late(missed)) == []


def test_a_set_that_could_not_be_planned_is_named_until_it_is(tmp_path):
    settings = settings_in(tmp_path)
    contents = [content(), Content(FIRST, "mine", failure="title is missing")]
    links = [link for link, _ in next_links([], contents, night(FIRST), "1.0")]
    (alert,) = forward_alerts(settings, Chain(tuple(links)), night(FIRST))
    assert alert.title == f"rule set mine is not in the forward record of {FIRST}"
    assert "title is missing" in alert.text
    added = next_links(links, [content(rule_set="mine")], night(FIRST), "1.0")
    links += [link for link, _ in added]
    assert forward_alerts(settings, Chain(tuple(links)), night(FIRST)) == []
    (tmp_path / "rule_sets" / "mine.toml").unlink()
    assert forward_alerts(settings, Chain(tuple(links[:2])), night(FIRST)) == []


def test_the_gaps_of_each_set_are_counted_as_the_record_shows_them():
    assert gap_texts(CHAIN.links, night(LAST)) == []
    texts = gap_texts(CHAIN.links, too_late(shift(LAST, 2)))
    assert [text.partition(" not recorded")[0] for text in texts] == [
        "plan: 2 sessions of 5 since 2015-01-02",
        "premium_ladder: 2 sessions of 5 since 2015-01-02",
    ]
    assert all(f"the newest {shift(LAST, 2)}" in text for text in texts)
    assert all("run each night: options-platform daily" in text for text in texts)
