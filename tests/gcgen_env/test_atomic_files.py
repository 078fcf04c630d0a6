"""Atomic files: what survives a failed write, whose permissions a file has, what is refused."""

import errno
import os

import pytest

from gcgen_env.atomic_files import (
    read_json,
    remove_temporaries,
    write_bytes,
    write_json,
    writing_folder,
)

DOCUMENT = {"numbers": [1, 0.1, 1e-300], "text": "\u00e9\n\0", "nested": {"a": [True, None]}}


@pytest.fixture
def old(tmp_path):
    """Return the path of a file in a folder of its own."""
    return write_bytes(tmp_path / "folder" / "file", b"old")


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), SystemExit()])
def test_the_old_file_survives_a_failure(old, monkeypatch, call, error):
    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(type(error), match=r"^cannot write .*file: No space left on device$|^$"):
            write_bytes(old, b"new")
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == ["file"]


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path):
    for umask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        before = os.umask(umask)
        try:
            path = write_bytes(tmp_path / "a" / f"{umask}", b"new")
        finally:
            os.umask(before)
        assert path.read_bytes() == b"new"
        assert path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_replaced_file_keeps_its_permissions(old, mode):
    old.chmod(mode)
    write_bytes(old, b"new")
    assert (old.read_bytes(), old.stat().st_mode & 0o777) == (b"new", mode)


def test_a_private_file_is_private_while_it_is_written(old, monkeypatch):
    seen, flush = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda n: (seen.append(os.fstat(n).st_mode & 0o077), flush(n)))
    old.chmod(0o600)
    write_bytes(old, b"new")
    assert seen[0] == 0


def test_what_happens_before_the_move_happens_to_the_old_file(old):
    write_bytes(old, b"new", lambda: old.with_name("copy").write_bytes(old.read_bytes()))
    assert (old.read_bytes(), old.with_name("copy").read_bytes()) == (b"new", b"old")


def test_a_write_protected_file_is_left_alone(old, monkeypatch):
    old.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write all
    with pytest.raises(OSError, match=r"^cannot write .*file: it is write-protected$"):
        write_bytes(old, b"new")
    assert old.read_bytes() == b"old"


def test_file_and_folder_are_flushed_in_order(old, monkeypatch):
    calls = []
    flush, move = os.fsync, os.replace
    is_folder = lambda number: os.path.isdir(f"/proc/self/fd/{number}")  # noqa: E731
    monkeypatch.setattr(os, "fsync", lambda n: (calls.append(is_folder(n)), flush(n)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("move"), move(*names)))
    write_bytes(old, b"new")
    assert calls == [False, "move", True]


def test_a_link_is_written_through(tmp_path):
    target, link, dangling = tmp_path / "target", tmp_path / "link", tmp_path / "dangling"
    target.write_bytes(b"old")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "later")
    for place in (link, dangling):
        write_bytes(place, b"new")
        assert place.is_symlink()
        assert place.resolve().read_bytes() == b"new"


def test_a_link_to_itself_is_refused(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match=r"^cannot write .*link: (it is not a regular file|.*links)$"):
        write_bytes(link, b"new")
    assert link.is_symlink()


def test_what_is_no_file_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        write_bytes(tmp_path / "pipe", b"new")


@pytest.mark.parametrize("place", ["folder/file/below", "folder/file/far/below", "folder"])
def test_a_place_that_cannot_be_written_is_named(old, place):
    path = old.parent.parent / place
    reason = "(exists|directory|not a regular file)"
    with pytest.raises(OSError, match=f"cannot write {path}: .*{reason}"):
        write_bytes(path, b"new")
    assert os.listdir(old.parent) == ["file"]


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "n" * 300, "a\0b/c"], ids=ascii)
def test_a_name_that_no_file_can_have_gets_one_sentence(tmp_path, name):
    with pytest.raises(OSError, match=r"^cannot write ") as caught:
        write_bytes(tmp_path / name, b"new")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["n" * 250, "\u5b57" * 80, "[*]?", "ends in .tmp"], ids=ascii)
def test_odd_names_are_written_and_their_temporaries_removed(tmp_path, monkeypatch, name):
    path = write_bytes(tmp_path / name, b"old")
    (tmp_path / ".other.12345678.tmp").touch()
    monkeypatch.setattr(type(path), "unlink", lambda *_, **__: None)  # killed before it is removed
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_bytes(path, b"new")
    monkeypatch.undo()
    assert len(os.listdir(tmp_path)) == 3
    remove_temporaries([path])
    assert sorted(os.listdir(tmp_path)) == sorted([".other.12345678.tmp", name])
    assert path.read_bytes() == b"old"


class TestJson:
    def test_a_document_comes_back(self, tmp_path):
        path = write_json(tmp_path / "file.json", {**DOCUMENT, "path": tmp_path})
        assert read_json(path) == {**DOCUMENT, "path": str(tmp_path)}
        assert path.read_text().endswith("}\n")

    @pytest.mark.parametrize(
        "content", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"9" * 9999]
    )
    def test_a_damaged_file_is_named(self, tmp_path, content):
        path = write_bytes(tmp_path / "file.json", content)
        with pytest.raises(ValueError, match=r"file\.json is damaged: "):
            read_json(path)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="missing"):
            read_json(tmp_path / "missing")


class TestFolder:
    def test_it_replaces_another_one(self, tmp_path):
        for name in ("old", "new"):
            with writing_folder(tmp_path / "above" / "folder") as folder:
                write_bytes(folder / name, b"content")
        assert os.listdir(tmp_path / "above") == ["folder"]
        assert os.listdir(tmp_path / "above" / "folder") == ["new"]

    @pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
    def test_a_failure_leaves_everything_as_it_was(self, tmp_path, error):
        write_bytes(tmp_path / "folder" / "old", b"content")
        for target in (tmp_path / "folder", tmp_path / "above" / "folder"):
            with pytest.raises(error), writing_folder(target) as folder:
                write_bytes(folder / "new", b"content")
                raise error
        assert os.listdir(tmp_path) == ["folder"]
        assert os.listdir(tmp_path / "folder") == ["old"]

    def test_a_failed_move_brings_the_old_one_back(self, tmp_path, monkeypatch):
        write_bytes(tmp_path / "folder" / "old", b"content")
        rename = type(tmp_path).rename

        def fail(path, target):
            if path.name.endswith(".tmp") and ".old" not in path.name:
                raise OSError("no")
            return rename(path, target)

        monkeypatch.setattr(type(tmp_path), "rename", fail)
        with pytest.raises(OSError, match="no"), writing_folder(tmp_path / "folder") as folder:
            write_bytes(folder / "new", b"content")
        assert os.listdir(tmp_path) == ["folder"]
        assert os.listdir(tmp_path / "folder") == ["old"]
