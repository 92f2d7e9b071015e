"""Who may see the dashboard: on this machine with the token, from others by TLS and password."""

import base64

import pytest

from options_platform.errors import UsageError
from options_platform.serving.dashboard.access import make_access, require_this_machine

SECRET = "a long password"


@pytest.fixture
def password(tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    return str(file)


def basic(text):
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_it_listens_on_this_machine_alone():
    require_this_machine("127.0.0.1")
    for host in ("0.0.0.0", "192.168.1.4", "::"):
        with pytest.raises(UsageError, match=f"127.0.0.1 alone, not on {host}.*--public NAME"):
            require_this_machine(host)


def test_a_proxy_needs_its_name_and_a_long_password(tmp_path, password):
    for given in (("trade.example.org", None), (None, password)):
        with pytest.raises(UsageError, match=r"give both --public NAME.*--password-file FILE"):
            make_access(tmp_path, *given)
    short = tmp_path / "short"
    short.write_text("secret")
    with pytest.raises(UsageError, match="shorter than 12 characters"):
        make_access(tmp_path, "trade.example.org", str(short))
    with pytest.raises(UsageError, match="cannot be read"):
        make_access(tmp_path, "trade.example.org", str(tmp_path / "none"))


def test_without_a_proxy_a_request_from_one_is_refused(tmp_path):
    access = make_access(tmp_path, None, None)
    assert access.refusal({}) is None
    status, text = access.refusal({"x-forwarded-for": "10.0.0.9"})
    assert (status, "--public NAME" in text) == (403, True)


def test_through_a_proxy_a_request_needs_tls_and_the_password(tmp_path, password):
    access = make_access(tmp_path, "trade.example.org", password)
    assert "trade.example.org" in access.hosts
    by_tls = {"x-forwarded-for": "10.0.0.9", "x-forwarded-proto": "https"}
    assert access.refusal(by_tls | basic(f"me:{SECRET}")) is None
    assert access.refusal(by_tls)[0] == 401
    assert access.refusal(by_tls | basic("me:another password"))[0] == 401
    assert access.refusal(by_tls | {"authorization": "Basic %%%"})[0] == 401
    plain = {**by_tls, "x-forwarded-proto": "http"}
    assert access.refusal(plain | basic(f"me:{SECRET}"))[0] == 403


def test_the_secret_is_not_that_of_the_links_and_only_its_owner_reads_it(tmp_path):
    from options_platform.adapters.storage.page_secret import secret_of

    access = make_access(tmp_path, None, None)
    assert access.secret != secret_of(tmp_path)
    assert (tmp_path / "dashboard.secret").stat().st_mode & 0o777 == 0o600
    assert access.has_token(access.secret)
    assert not access.has_token(None)
    assert not access.has_token(access.form_token)
    assert access.has_form_token(access.form_token)
    assert not access.has_form_token(access.secret)
