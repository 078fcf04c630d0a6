"""Storage: what survives a failed write, what a container keeps, what is refused."""

import errno
import json
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from gcgen_env.storage import (
    load_container,
    read_json,
    read_kind,
    save_container,
    write_bytes,
    write_json,
)

DOCUMENT = {"numbers": [1, 0.1, 1e-300], "text": "é\n\0", "nothing": None, "nested": {"a": [True]}}
TENSORS = {
    "float": torch.tensor([[0.1, -0.0], [torch.inf, 1e-45]]),
    "half": torch.tensor([1.5], dtype=torch.float16),
    "int": torch.tensor([2**62, -1]),
    "bool": torch.tensor([True, False]),
    "scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 3),
    "transposed": torch.arange(6.0).view(2, 3).T,
}


@pytest.fixture
def saved(tmp_path):
    """Return the path of a small container."""
    return save_container(tmp_path / "saved.gcgen", "thing", {"version": 1}, {"x": torch.ones(99)})


def load_raw(path, metadata):
    """Write metadata as they are, then read the file as a container."""
    save_file({"x": torch.ones(2)}, path, metadata)
    return load_container(path, "thing")


def test_round_trip_is_exact(tmp_path):
    path = save_container(tmp_path / "a" / "b.any", "thing", DOCUMENT, TENSORS)
    document, tensors = load_container(path, "thing")
    assert document == {"kind": "thing", **DOCUMENT}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor), name


def test_parameters_are_saved_without_their_graph(tmp_path):
    path = tmp_path / "file"
    save_container(path, "thing", {}, {"w": torch.nn.Parameter(torch.ones(2))})
    assert not load_container(path, "thing")[1]["w"].requires_grad


def test_a_new_file_replaces_the_old_one_and_leaves_nothing_else(saved):
    save_container(saved, "thing", {"version": 2}, {})
    assert load_container(saved, "thing") == ({"kind": "thing", "version": 2}, {})
    assert os.listdir(saved.parent) == [saved.name]


def test_the_kind_can_be_read_alone(saved):
    assert read_kind(saved) == "thing"
    saved.write_bytes(saved.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"saved\.gcgen is not a GCGen file, or it is damaged"):
        read_kind(saved)


def test_a_document_cannot_change_the_kind(tmp_path):
    path = save_container(tmp_path / "file", "thing", {"kind": "other"}, {})
    assert load_container(path, "thing")[0] == {"kind": "thing"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_the_old_file_survives_a_full_disk(saved, monkeypatch, call):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = saved.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match=r"cannot write .*saved\.gcgen: No space left on device"):
            save_container(saved, "thing", {"version": 2}, {})
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_an_interrupted_write_leaves_nothing_behind(saved, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_container(saved.with_name("new"), "thing", {}, {})
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("place", ["saved.gcgen/file", "saved.gcgen/folder/file", "."])
def test_a_place_that_cannot_be_written_is_named(saved, place):
    path = saved.parent / place
    with pytest.raises(
        OSError, match=f"cannot write {path}: .*(exists|directory|not a regular file)"
    ):
        save_container(path, "thing", {}, {})
    assert os.listdir(saved.parent) == [saved.name]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no saved file at .*missing"):
        load_container(tmp_path / "missing", "thing")
    with pytest.raises(FileNotFoundError, match="no saved file at"):
        load_container(tmp_path, "thing")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"saved\.gcgen is not a GCGen file, or it is damaged"):
        load_container(saved, "thing")


class Bomb:
    """Raises as soon as it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize("write", [pickle.dump, torch.save], ids=["pickle", "torch"])
def test_a_pickle_is_refused_unread(tmp_path, write):
    path = tmp_path / "renamed.safetensors"
    with path.open("wb") as file:
        write(Bomb(), file)
    with pytest.raises(ValueError, match=r"renamed\.safetensors .*pickles are never read"):
        load_container(path, "thing")


def test_another_kind_is_refused(saved):
    with pytest.raises(ValueError, match=r"saved\.gcgen holds a 'thing', expected a 's-agent'"):
        load_container(saved, "s-agent")


@pytest.mark.parametrize(
    "metadata",
    [None, {"format": "pt"}, {"gcgen": "null"}, {"gcgen": "[]"}, {"gcgen": '{"version": 1}'}],
    ids=str,
)
def test_safetensors_of_others_are_refused(tmp_path, metadata):
    with pytest.raises(ValueError, match=r"foreign is a safetensors file that GCGen did not write"):
        load_raw(tmp_path / "foreign", metadata)


@pytest.mark.parametrize(
    "header",
    ["", "{", "{'kind': 'thing'}", "[" * 100_000, "9" * 10_000],
    ids=["empty", "cut", "no JSON", "too deep", "too long a number"],
)
def test_a_tampered_document_is_refused(tmp_path, header):
    with pytest.raises(ValueError, match=r"tampered is not a GCGen file, or it is damaged"):
        load_raw(tmp_path / "tampered", {"gcgen": header})


def test_a_tampered_table_of_tensors_is_refused(saved):
    content = saved.read_bytes()
    assert content.count(b'"shape":[99]') == 1
    saved.write_bytes(content.replace(b'"shape":[99]', b'"shape":[98]'))
    with pytest.raises(ValueError, match=r"saved\.gcgen is not a GCGen file, or it is damaged"):
        load_container(saved, "thing")


def test_any_tool_can_read_the_header(saved):
    content = saved.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["gcgen"]) == {"kind": "thing", "version": 1}


def test_a_link_is_written_through(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    save_container(link, "thing", {}, {"x": torch.ones(1)})
    assert link.is_symlink()
    assert load_container(target, "thing")[1]["x"].item() == 1


def test_what_is_no_file_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        save_container(tmp_path / "pipe", "thing", {}, {})


class TestBytes:
    """One writer serves every kind of file, so that the tests above hold for all."""

    def test_folders_are_made_and_the_file_can_be_read_by_all(self, tmp_path):
        path = write_bytes(tmp_path / "a" / "b", b"new")
        assert path.read_bytes() == b"new"
        assert path.stat().st_mode & 0o777 == 0o644

    def test_the_old_file_survives_a_full_disk(self, tmp_path, monkeypatch):
        def fail(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        path = write_bytes(tmp_path / "file", b"old")
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match=r"^cannot write .*file: No space left on device$"):
            write_bytes(path, b"new")
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["file"]


class TestJson:
    def test_a_document_comes_back(self, tmp_path):
        path = write_json(tmp_path / "file.json", {**DOCUMENT, "path": tmp_path})
        assert read_json(path) == {**DOCUMENT, "path": str(tmp_path)}
        assert path.read_text().endswith("}\n")

    @pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
    def test_a_damaged_file_is_named(self, tmp_path, content):
        path = write_bytes(tmp_path / "file.json", content)
        with pytest.raises(ValueError, match=r"file\.json is damaged: "):
            read_json(path)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="missing"):
            read_json(tmp_path / "missing")
