"""The files of a fold on the disk: large ones compressed, the hash of them as they were."""

import os

import pytest

from options_platform.adapters.tracking.fold_files import hash_of, read_fold, write_fold
from options_platform.errors import ModelStoreError

TREES = bytes(range(256)) * 40
FOLD = {"linear.json": b'{"a": 1}', "trees.ubj": TREES}


@pytest.fixture
def home(tmp_path):
    write_fold(tmp_path / "fold", FOLD)
    return tmp_path


def test_large_files_are_compressed_and_read_as_they_were(home):
    assert sorted(file.name for file in (home / "fold").iterdir()) == [
        "linear.json", "trees.ubj.zst"
    ]  # fmt: skip
    assert (home / "fold" / "trees.ubj.zst").stat().st_size < len(TREES) / 5
    assert read_fold(home, "fold", hash_of(FOLD)) == FOLD


def test_folds_of_former_versions_are_read_uncompressed(home):
    (home / "fold" / "trees.ubj.zst").unlink()
    (home / "fold" / "trees.ubj").write_bytes(TREES)
    assert read_fold(home, "fold", hash_of(FOLD)) == FOLD


def test_other_tools_can_unpack_them(home):
    # The first bytes of a Zstandard frame, by which `zstd -d` and `file` know it.
    packed = home / "fold" / "trees.ubj.zst"
    assert packed.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"


@pytest.mark.parametrize("change", ["cut short", "another byte", "not compressed"])
def test_a_changed_compressed_file_is_refused(home, change):
    packed = home / "fold" / "trees.ubj.zst"
    data = packed.read_bytes()
    half = len(data) // 2
    changed = {
        "cut short": data[:half],
        "another byte": data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :],
        "not compressed": os.urandom(half),
    }
    packed.write_bytes(changed[change])
    with pytest.raises(ModelStoreError, match="was changed"):
        read_fold(home, "fold", hash_of(FOLD))


def test_a_file_that_lies_there_twice_is_refused(home):
    (home / "fold" / "trees.ubj").write_bytes(TREES)
    with pytest.raises(ModelStoreError, match="was changed"):
        read_fold(home, "fold", hash_of(FOLD))


def test_a_compressed_pickle_is_refused(home):
    import pickle

    data = pickle.dumps(list(range(2000)))
    write_fold(home / "other", {"model.json": data})
    with pytest.raises(ModelStoreError, match="pickles are never loaded"):
        read_fold(home, "other", hash_of({"model.json": data}))
