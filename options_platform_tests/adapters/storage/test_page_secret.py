"""The secret in the addresses of a home's pages."""

import pytest

from options_platform.adapters.storage.page_secret import FILE, secret_of
from options_platform.errors import HomeError


def test_a_home_keeps_its_secret_and_no_other_user_can_read_it(tmp_path):
    first = secret_of(tmp_path)
    assert len(first) == 32
    assert secret_of(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    other.mkdir()
    assert secret_of(other) != first


def test_a_file_without_a_secret_is_named(tmp_path):
    (tmp_path / FILE).write_text("")
    with pytest.raises(HomeError, match=r"pages\.secret holds no secret; delete it"):
        secret_of(tmp_path)
