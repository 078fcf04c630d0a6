"""Prepared folders: the same data set as an archive, without its memory."""

import copy
import pickle

import numpy as np
import pytest
from PIL import Image

import gcgen_env  # noqa: F401  registers the ids
from agents import GCGen
from gcgen_env.datasets import SPLITS, load_dataset
from gcgen_env.datasets.folder_survey import survey_folder
from gcgen_env.datasets.mapped import MappedDataset
from gcgen_env.datasets.prepared import prepare_images, write_archive
from gcgen_env.datasets.prepared_folder import write_folder, writing_folder

SIDE = 8


def write_pictures(folder, num, is_grey, classes):
    rng = np.random.default_rng(0)
    for i in range(num):
        shape = (SIDE, SIDE) if is_grey else (SIDE, SIDE, 3)
        place = folder / classes[i % len(classes)] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(place)
    return folder


def prepare(source, out):
    survey = survey_folder(source)
    with writing_folder(out) as folder:
        prepared = prepare_images(survey, SIDE, workspace=folder / "squares.npy")
        write_folder(prepared, survey, folder)
    return survey


@pytest.fixture(scope="module", params=[(True, ("a", "b")), (False, ("",))], ids=["grey", "colour"])
def folders(request, tmp_path_factory):
    """A folder of 40 pictures, prepared as a folder and as an archive."""
    root = tmp_path_factory.mktemp("mapped")
    source = write_pictures(root / "pictures", 40, *request.param)
    survey = prepare(source, root / "folder")
    write_archive(prepare_images(survey, SIDE), survey, root / "archive.npz")
    return root / "folder", root / "archive.npz"


@pytest.mark.parametrize("split", SPLITS)
def test_a_folder_is_the_same_data_set_as_an_archive(folders, split):
    mapped, loaded = (load_dataset(path, split) for path in folders)
    assert isinstance(mapped, MappedDataset) and not isinstance(loaded, MappedDataset)
    assert mapped.shape == loaded.shape and len(mapped) == len(loaded)
    index = np.arange(len(loaded))
    np.testing.assert_array_equal(mapped.take(index), loaded.take(index))
    np.testing.assert_allclose(mapped.mean(), loaded.mean(), atol=1e-6)
    assert mapped.digest() == loaded.digest()
    assert (mapped.labels is None) == (loaded.labels is None)
    if loaded.labels is not None:
        np.testing.assert_array_equal(mapped.labels, loaded.labels)


def test_copies_open_the_file_again(folders):
    mapped = load_dataset(folders[0], "train")
    for again in (copy.deepcopy(mapped), pickle.loads(pickle.dumps(mapped))):
        assert isinstance(again, MappedDataset)
        np.testing.assert_array_equal(again.take([3]), mapped.take([3]))
    assert len(pickle.dumps(mapped)) < 1000


def test_selections_are_plain_data_sets(folders):
    mapped = load_dataset(folders[0], "train")
    chosen = mapped.select(np.array([2, 0]))
    assert type(chosen) is not MappedDataset and len(chosen) == 2
    np.testing.assert_array_equal(chosen.take([0, 1]), mapped.take([2, 0]))
    assert not mapped.array.flags.writeable


def test_a_model_trains_on_it(folders):
    env = {"dataset": str(folders[0]), "num_proposals": 4, "horizon": 2}
    sizes = {"s_agent_kwargs": {"width": 8, "depth": 1}, "n_envs": 8, "batch_size": 8}
    model = GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=env, seed=0, **sizes).learn(16)
    assert model.sample(2).shape[0] == 2


def test_another_size_is_refused(folders):
    assert load_dataset(folders[0], image_size=SIDE).shape[1:] == (SIDE, SIDE)
    with pytest.raises(ValueError, match="holds images of 8 pixels, not 4: prepare them again"):
        load_dataset(folders[0], image_size=4)


def test_a_failed_writing_leaves_the_old_folder(tmp_path):
    source = write_pictures(tmp_path / "pictures", 20, True, ("",))
    prepare(source, tmp_path / "folder")
    before = load_dataset(tmp_path / "folder").digest()
    with pytest.raises(KeyboardInterrupt), writing_folder(tmp_path / "folder") as folder:
        (folder / "train.npy").write_bytes(b"half")
        raise KeyboardInterrupt
    assert load_dataset(tmp_path / "folder").digest() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pictures"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset.json", b"{}"),
        ("dataset.json", b"[]"),
        ("dataset.json", b"no json"),
        ("train.npy", b""),
        ("train.npy", b"\x93NUMPY\x01\x00"),
    ],
)
def test_damage_is_one_sentence(tmp_path, name, content):
    prepare(write_pictures(tmp_path / "pictures", 20, True, ("",)), tmp_path / "folder")
    (tmp_path / "folder" / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is damaged.*: prepare the images again"):
        load_dataset(tmp_path / "folder")


def test_a_truncated_file_is_refused(tmp_path):
    prepare(write_pictures(tmp_path / "pictures", 20, True, ("",)), tmp_path / "folder")
    file = tmp_path / "folder" / "train.npy"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"train\.npy is damaged"):
        load_dataset(tmp_path / "folder")
