"""What is fuzzed: how each kind of file is made, mutated, read and used."""

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from agents import GCGen
from agents.benchmark import scores
from agents.benchmark.execution import execute
from agents.benchmark.report import write_report
from agents.benchmark.results import Table, read_outcomes, write_results
from agents.benchmark.study import IMAGES, RESULT, TIMING, Run, plan
from agents.cli.run_folder import RunFolder, RunRecord
from agents.cli.settings import TrainSettings
from agents.cli.start_run import _load_session
from agents.codec import decompress, pack_codes
from agents.common.saved_names import MODEL_NAME
from gcgen_env import GCGenEnv
from gcgen_env.atomic_files import write_json
from gcgen_env.datasets import load_dataset
from gcgen_env.datasets.idx import read_idx
from gcgen_env.model.s_agent import SAgent
from tests.agents.gcgen.test_earlier_files import DATA
from tests.fuzzing import mutations as m

scores.RESAMPLES = 20  # intervals would take most of the time
PIXELS = np.random.default_rng(0).integers(0, 256, (25, 8, 8), dtype=np.uint8)


@dataclass
class Target:
    """One kind of file."""

    name: str
    """Its name, with the suffix that readers expect."""
    content: bytes
    """A valid file."""
    read: Callable[[Path], object]
    """Reads and uses it."""
    structured: list[m.Mutation] = field(default_factory=list)
    """Mutations of its structure; half of the inputs get one of them."""
    share: int = 1
    """Share of the inputs."""
    errors: tuple[type[Exception], ...] = (ValueError,)
    """What reading may raise."""
    known_as: tuple[str, ...] = ()
    """Other names that a message may give: files that are read together with this one."""

    def mutate(self, rng: np.random.Generator) -> bytes:
        """Return a mutated file."""
        if self.structured and rng.random() < 0.6:
            content = m.pick(rng, self.structured)(self.content, rng)
            return m.mutate_bytes(content, rng) if rng.random() < 0.1 else content
        return m.mutate_bytes(self.content, rng)


def make_targets(folder: Path) -> list[Target]:
    """Make the valid files; those that need neighbours get them in `folder`."""
    container = [m.mutate_container]
    targets = [
        Target("a.gcgen", (DATA / "model.gcgen").read_bytes(), use_model, container, share=3),
        Target("b.gcgen", make_model(folder / "b.gcgen"), use_model, container, share=3),
        Target(
            "a.safetensors", (DATA / "s_agent.safetensors").read_bytes(), use_s_agent, container, 4
        ),
        Target("a.gcz", make_codes(), use_codes, [m.mutate_codes], share=3),
        *make_data_targets(),
        *make_run_targets(folder / "run"),
        *make_benchmark_targets(folder / "study"),
    ]
    return [target for target in targets for _ in range(target.share)]


def make_model(path: Path) -> bytes:
    """Return a model of this version, with the state of a training."""
    sizes = {"width": 4, "depth": 1}
    model = GCGen("GCPolicy", "GCGen-Toy2D-v0", s_agent_kwargs=sizes, batch_size=8, seed=0)
    model.learn(48)
    model.save(path)
    return path.read_bytes()


def make_codes() -> bytes:
    """Return a file of codes of the earlier S-agent, with more than one block."""
    s_agent = SAgent.load(DATA / "s_agent.safetensors")
    chain, rng = s_agent.chain, np.random.default_rng(0)
    return pack_codes(s_agent, rng.integers(chain.num_proposals, size=(1030, chain.horizon)))


def use_codes(path: Path) -> object:
    """Read a file of codes."""
    s_agent = SAgent.load(DATA / "s_agent.safetensors")
    return decompress(s_agent, path.read_bytes(), name=str(path))


def make_data_targets() -> list[Target]:
    """Return the files of images."""
    images = {kind: _save(Image.fromarray(PIXELS[0]), kind) for kind in ("PNG", "JPEG")}
    colour = _save(Image.fromarray(PIXELS[:4].transpose(1, 2, 0), "RGBA"), "PNG")
    arrays = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(arrays[0], PIXELS)
    np.savez_compressed(arrays[1], images=PIXELS, labels=np.arange(25))
    np.savez(arrays[2], train=PIXELS, test=PIXELS[:3], test_labels=np.arange(3))
    idx = b"\0\0\x08\3" + np.array(PIXELS.shape, ">u4").tobytes() + PIXELS.tobytes()
    folder = make_folder_reader({f"{i}.png": images["PNG"] for i in range(3)})
    return [
        Target("a.npy", arrays[0].getvalue(), use_images, [m.mutate_npy], 3),
        Target("a.npz", arrays[1].getvalue(), use_images, [m.mutate_npz], 3),
        Target("b.npz", arrays[2].getvalue(), use_images, [m.mutate_npz], 2),
        Target("a.png", images["PNG"], folder, [m.mutate_png], 3),
        Target("b.png", colour, folder, [m.mutate_png], 2),
        Target("a.jpg", images["JPEG"], folder, [m.mutate_jpeg], 3),
        Target("a-idx3-ubyte", idx, use_idx, [m.mutate_idx], 2),
        Target("a-idx3-ubyte.gz", m.gzip.compress(idx), use_idx, [m.mutate_gzip], 2),
        Target("x0.npy", _save_array(PIXELS[0] / 255), use_initial, [m.mutate_npy]),
        Target("x0.png", images["PNG"], use_initial, [m.mutate_png]),
    ]


def make_run_targets(folder: Path) -> list[Target]:
    """Return the files of a run folder, and of one of version 0.1, which had JSON files."""
    model, settings = (
        GCGen.load(DATA / "model.gcgen"),
        TrainSettings(minutes=1.0, timesteps=480).to_json(),
    )
    now, earlier = RunFolder(folder / "now"), RunFolder(folder / "earlier")
    for run in (now, earlier):
        run.path.mkdir(parents=True)
    now.commit(model, RunRecord(settings, minutes=0.5))
    shutil.copyfile(DATA / "model.gcgen", earlier.model)
    write_json(earlier.config, {"settings": settings, "command": "gcgen train"})
    state = earlier.path / "state.json"
    write_json(state, {"minutes": 0.5, "timesteps": 240, "initial_bound": "95.0"})
    jsons = [m.mutate_json_file]
    model_file = _make_neighbour(now.model, lambda: use_run(now.path), [m.mutate_container], 2)
    # Without a record it looks like a run of version 0.1, whose JSON files are missing.
    model_file.errors, model_file.known_as = (ValueError, FileNotFoundError), ("state.json",)
    return [
        model_file,
        _make_neighbour(
            earlier.config, lambda: use_run(earlier.path), jsons, 2, (MODEL_NAME, "config.json")
        ),
        _make_neighbour(
            state, lambda: use_run(earlier.path), jsons, 2, (MODEL_NAME, "config.json")
        ),
    ]


def use_run(folder: Path) -> object:
    """Load a run as `gcgen train --resume` does."""
    return _load_session(TrainSettings(resume=folder), RunFolder(folder))


def make_benchmark_targets(out: Path) -> list[Target]:
    """Return the files of one run of a study; another run stays intact."""
    runs = plan(
        ["GCGen-Digits-v0"], ["greedy", "random"], 1, 64, ("previews",), episodes=8, evaluations=2
    )
    for run in runs:
        assert execute(run, out) is None
    files = [runs[0].folder(out) / name for name in (RESULT, TIMING, IMAGES)]
    formats = [m.mutate_json_file], [m.mutate_json_file], [m.mutate_container]
    return [
        _make_neighbour(path, lambda: use_study(runs, out), kinds, share)
        for path, kinds, share in zip(files, formats, (3, 2, 1), strict=True)
    ]


def _make_neighbour(
    path: Path,
    read: Callable[[], object],
    structured: list[m.Mutation],
    share: int = 1,
    known_as: tuple[str, ...] = (),
) -> Target:
    """Return a target that must lie beside others: a mutated file takes its place."""

    def place(mutated: Path) -> object:
        shutil.copyfile(mutated, path)
        try:
            return read()
        finally:
            path.write_bytes(content)

    content = path.read_bytes()
    return Target(path.name, content, place, structured, share, known_as=known_as)


def make_folder_reader(others: dict[str, bytes]) -> Callable[[Path], object]:
    """Return a reader of a folder of pictures, one of which is the file."""

    def read(path: Path) -> object:
        folder = path.parent / "pictures"
        folder.mkdir(exist_ok=True)
        for name, content in others.items():
            (folder / name).write_bytes(content)
        shutil.copyfile(path, folder / f"mutated{path.suffix}")
        try:
            return load_dataset(folder, "test", image_size=8).take([0])
        finally:
            shutil.rmtree(folder)

    return read


def use_model(path: Path) -> object:
    """Load a model and generate two images."""
    return GCGen.load(path).sample(2, seed=0)


def use_s_agent(path: Path) -> object:
    """Load an S-agent and generate two images."""
    return SAgent.load(path).sample(2, seed=0)


def use_images(path: Path) -> object:
    """Load a split, an item and the mean."""
    dataset = load_dataset(path, "test")
    return dataset.take([0]), dataset.mean()


def use_idx(path: Path) -> object:
    """Read an IDX file."""
    return read_idx(path).sum()


def use_initial(path: Path) -> object:
    """Use an image as initial state."""
    env = GCGenEnv(dataset="digits", num_proposals=2, horizon=1, initial_state=str(path))
    return env.reset(seed=0)


def use_study(runs: list[Run], out: Path) -> object:
    """Read a study and write its report; the intact run must stand."""
    outcomes, damaged = read_outcomes(runs, out)
    assert runs[1] in {outcome.run for outcome in outcomes}
    write_results(out, outcomes)
    write_report(out, [Table("previews", outcomes, damaged)], damaged=damaged)
    if damaged:
        raise ValueError(damaged[0][1])
    return outcomes


def _save(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def _save_array(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
