"""Storage: what a container keeps, and what is refused."""

import io
import json
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from gcgen_env.storage import load_container, read_document, save_container

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


def test_the_document_can_be_read_alone(saved):
    assert read_document(saved)["kind"] == "thing"
    saved.write_bytes(saved.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"saved\.gcgen is not a GCGen file, or it is damaged"):
        read_document(saved)


def test_a_document_cannot_change_the_kind(tmp_path):
    path = save_container(tmp_path / "file", "thing", {"kind": "other"}, {})
    assert load_container(path, "thing")[0] == {"kind": "thing"}


@pytest.mark.parametrize("kind", [io.BytesIO, open], ids=["BytesIO", "open file"])
def test_a_file_object_is_written_and_read(saved, tmp_path, kind):
    file = io.BytesIO() if kind is io.BytesIO else open(tmp_path / "object", "w+b")
    with file:
        assert save_container(file, "thing", {"version": 1}, {"x": torch.ones(99)}) is None
        file.seek(0)
        document, tensors = load_container(file, "thing")
        assert (document["version"], tensors["x"].sum()) == (1, 99)
        file.seek(4)
        named = "the BytesIO object" if kind is io.BytesIO else str(tmp_path / "object")
        with pytest.raises(ValueError, match=f"^{named} is not a GCGen file"):
            load_container(file, "thing")


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


@pytest.mark.parametrize("metadata", ["[1]", "7", '"text"', '{"gcgen": 7}', '{"gcgen": {}}'])
def test_metadata_of_other_types_are_refused(tmp_path, metadata):
    header = b'{"__metadata__":' + metadata.encode() + b"}"
    path = tmp_path / "odd"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    for read in (read_document, lambda path: load_container(path, "thing")):
        with pytest.raises(ValueError, match=r"odd is (not a GCGen file|a safetensors file that)"):
            read(path)


def test_a_length_that_lies_takes_no_memory(tmp_path):
    path = tmp_path / "long"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    for read in (read_document, lambda path: load_container(path, "thing")):
        with pytest.raises(ValueError, match="long is "):
            read(path)


def test_a_large_file_of_others_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a terabyte of zeros, which takes no room
    with pytest.raises(ValueError, match="large is not a GCGen file"):
        load_container(path, "thing")


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


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b"])
def test_impossible_names_are_missing_files(name):
    for read in (lambda: load_container(name, "s-agent"), lambda: read_document(name)):
        with pytest.raises(FileNotFoundError, match="no saved file at a"):
            read()
