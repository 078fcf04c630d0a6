"""From a folder of any pictures to an archive with splits: nothing gets lost without a word."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcgen_env.datasets import SPLITS, load_dataset
from gcgen_env.datasets.folder_survey import Survey, find_classes, make_printable, survey_folder
from gcgen_env.datasets.prepared import Prepared, prepare_images, write_archive

RED, BLUE = (255, 0, 0), (0, 0, 255)
Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """A function that writes a picture below `tmp_path / "pictures"`."""

    def write(
        name: str, seed: int = 0, size: tuple[int, int] = (12, 10), **options: object
    ) -> Path:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(noise).save(path, **options)
        return path

    return write


def prepare(folder: Path, side: int = 8, **options: object) -> tuple[Survey, Prepared]:
    """Look through a folder and prepare its images."""
    survey = survey_folder(folder / "pictures")
    return survey, prepare_images(survey, side, **options)  # type: ignore[arg-type]


def names(survey: Survey, paths: object) -> list[str]:
    """Return the names of files within the folder, sorted."""
    return sorted(survey.name(path) for path in paths)  # type: ignore[attr-defined]


class TestSurvey:
    def test_sub_folders_suffixes_and_hidden_files(self, draw: Draw, tmp_path: Path) -> None:
        for number, name in enumerate(["a.PNG", "b/c.webp", "b/d/e.gif", "f.bmp", "größe.jpeg"]):
            draw(name, number)
        for name in (".hidden.png", ".cache/a.png", "__MACOSX/a.png"):
            draw(name)
        (tmp_path / "pictures" / "notes.txt").touch()
        survey = survey_folder(tmp_path / "pictures")
        found = names(survey, [header.path for header in survey.headers])
        assert found == ["a.PNG", "b/c.webp", "b/d/e.gif", "f.bmp", "größe.jpeg"]
        assert names(survey, survey.others) == ["notes.txt"] and survey.broken == {}
        first = survey.headers[0]
        assert (first.width, first.height, first.mode, first.is_transparent) == (
            12,
            10,
            "RGB",
            False,
        )

    def test_the_median_of_the_shorter_sides(self, draw: Draw, tmp_path: Path) -> None:
        for number, size in enumerate([(5, 90), (20, 30), (300, 40)]):
            draw(f"{number}.png", size=size)
        assert survey_folder(tmp_path / "pictures").median_side == 20

    def test_links_in_a_circle_end(self, draw: Draw, tmp_path: Path) -> None:
        draw("a.png")
        (tmp_path / "pictures" / "again").symlink_to(tmp_path / "pictures")
        assert len(survey_folder(tmp_path / "pictures").headers) == 1

    def test_a_folder_that_cannot_be_read_is_broken(
        self, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draw("a.png")
        locked, scan = draw("locked/b.png").parent, os.scandir

        def refuse(path: object) -> object:
            if str(path) == str(locked):
                raise PermissionError(13, "Permission denied", str(path))
            return scan(path)  # type: ignore[call-overload]

        monkeypatch.setattr(os, "scandir", refuse)  # the administrator may read everything
        survey = survey_folder(tmp_path / "pictures")
        assert survey.broken == {locked: "not a readable folder, Permission denied"}

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda folder: None, r"pictures is missing"),
            (lambda folder: folder.write_text("x"), r"pictures is a file"),
            (lambda folder: folder.mkdir(), r"no file ending in \.bmp, .*\.webp in it or below$"),
            (
                lambda folder: [folder.mkdir(), (folder / "a.heic").touch()],
                r"in it or below, only \.heic 1$",
            ),
            (
                lambda folder: [folder.mkdir(), (folder / "a.png").touch()],
                r"pictures: no image can be read; a\.png: not a readable image, expected",
            ),
        ],
    )
    def test_nothing_to_read(self, make: Callable, message: str, tmp_path: Path) -> None:
        make(tmp_path / "pictures")
        with pytest.raises(ValueError, match=message):
            survey_folder(tmp_path / "pictures")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("größe 1.png", "größe 1.png"),
        ("a\n\x1b[31m.png", r"a\n\x1b[31m.png"),
        ("\udce9", r"\udce9"),
    ],
)
def test_names_never_spoil_a_terminal(name: str, shown: str) -> None:
    assert make_printable(name) == shown


class TestPreparing:
    @pytest.mark.skipif(os.name == "nt", reason="no pipes, and no line breaks in names")
    def test_broken_files_are_named_and_the_others_are_read(
        self, draw: Draw, tmp_path: Path
    ) -> None:
        folder = draw("good.png").parent
        whole = draw("half.png", 1, size=(90, 90)).read_bytes()
        (folder / "half.png").write_bytes(whole[: len(whole) // 2])
        (folder / "text.jpg").write_text("no picture")
        (folder / "empty.gif").touch()
        (folder / "lost\n.png").symlink_to("nowhere")
        os.mkfifo(folder / "pipe.png")
        survey, prepared = prepare(tmp_path)
        assert names(survey, prepared.paths) == ["good.png"]
        reasons = {survey.name(path): why for path, why in prepared.broken.items()}
        assert sorted(reasons) == ["empty.gif", "half.png", r"lost\n.png", "pipe.png", "text.jpg"]
        assert reasons["half.png"].startswith("not a readable image, corrupt or truncated (")
        assert reasons["pipe.png"] == "not a readable image, it is not a regular file"

    def test_only_truncated_files(self, draw: Draw, tmp_path: Path) -> None:
        path = draw("half.png", size=(90, 90))
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(ValueError, match=r"none of 1 files can be read; half\.png: not a read"):
            prepare(tmp_path)

    def test_equal_images_are_kept_once(self, draw: Draw, tmp_path: Path) -> None:
        first = draw("a.png", 1)
        shutil.copy(first, first.with_name("b.png"))
        draw("c.bmp", 1)  # another format, the same pixels
        draw("d.png", 2)
        survey, prepared = prepare(tmp_path)
        assert names(survey, prepared.paths) == ["a.png", "d.png"]
        copies = {survey.name(path): survey.name(of) for path, of in prepared.duplicates.items()}
        assert copies == {"b.png": "a.png", "c.bmp": "a.png"}

    def test_mixed_modes_and_sizes_make_one_array(self, tmp_path: Path) -> None:
        folder = tmp_path / "pictures"
        folder.mkdir()
        for number, mode in enumerate(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]):
            image = Image.new("L", (10 + number, 20), 20 * number)
            deep = Image.fromarray(np.full((20, 10), 9000, np.uint16))
            suffix = "jpg" if mode == "CMYK" else "png"
            (deep if mode == "I;16" else image.convert(mode)).save(folder / f"{number}.{suffix}")
        _, prepared = prepare(tmp_path)
        assert (
            prepared.take(np.arange(8)).shape == (8, 8, 8)
            and prepared.is_grey
            and prepared.broken == {}
        )
        levels = {
            int(path.stem): image[0, 0]
            for path, image in zip(prepared.paths, prepared.take(np.arange(8)), strict=True)
        }
        assert [levels[n] for n in (0, 1, 2, 3, 4, 5, 7)] == [0, 20, 40, 60, 80, 100, 9000 >> 8]

    def test_one_coloured_pixel_makes_all_rgb(self, tmp_path: Path) -> None:
        (tmp_path / "pictures").mkdir()
        for number in range(3):
            image = Image.new("RGB", (8, 8), (number, number, number))
            if number == 2:
                image.putpixel((3, 4), (2, 2, 3))
            image.save(tmp_path / "pictures" / f"{number}.png")
        _, prepared = prepare(tmp_path)
        assert prepared.take(np.arange(3)).shape == (3, 8, 8, 3) and not prepared.is_grey

    def test_a_transparent_rectangle_on_a_background(self, tmp_path: Path) -> None:
        (tmp_path / "pictures").mkdir()
        image = Image.new("RGBA", (16, 8), (*RED, 255))
        image.paste((0, 0, 0, 0), (8, 0, 16, 8))  # the right half is clear
        image.save(tmp_path / "pictures" / "a.png")
        _, prepared = prepare(tmp_path, fit="pad", background=BLUE)
        (pixels,) = prepared.take(np.arange(1))
        assert (pixels[2:6, :3] == RED).all() and (pixels[2:6, 5:] == BLUE).all()
        assert (pixels[:2] == BLUE).all() and (pixels[6:] == BLUE).all()

    def test_a_huge_jpeg(self, tmp_path: Path) -> None:
        (tmp_path / "pictures").mkdir()
        Image.new("L", (8000, 6000), 77).save(tmp_path / "pictures" / "a.jpg")
        survey, prepared = prepare(tmp_path, max_bytes=16 * 800_000)  # a sixtieth of its pixels
        assert survey.median_side == 6000
        np.testing.assert_allclose(prepared.take(np.arange(len(prepared.order))), 77, atol=1)

    def test_limits(self, draw: Draw, tmp_path: Path) -> None:
        draw("large.png", size=(200, 200))
        draw("small.png", size=(20, 20))
        survey, prepared = prepare(tmp_path, max_bytes=100_000)
        assert names(survey, prepared.paths) == ["small.png"]
        assert [*prepared.broken.values()] == [
            "decodes to 120,000 bytes, more than the limit of 6,250; if you trust it, raise the "
            "limit with max_bytes=1920000 (--max-bytes on the command line)"
        ]
        with pytest.raises(ValueError, match=r"pictures: decodes to 60,000 bytes"):
            prepare(tmp_path, side=100, max_bytes=50_000)


@pytest.mark.parametrize(
    ("paths", "classes"),
    [
        (["cat/1.png", "cat/2.png", "dog/1.png"], ["cat", "cat", "dog"]),
        (["all/cat/1.png", "all/dog/old/1.png"], ["cat", "dog"]),
        (["cat/1.png", "cat/2.png"], None),
        (["1.png", "dog/2.png"], None),
        (["1.png"], None),
        (["all/cat/1.png", "all/2.png"], None),
    ],
)
def test_classes_are_sub_folders(paths: list[str], classes: list[str] | None) -> None:
    assert find_classes(map(Path, paths)) == classes


class TestArchive:
    def write(self, folder: Path, **options: object) -> tuple[dict[str, int], Path]:
        survey, prepared = prepare(folder, **options)  # type: ignore[arg-type]
        return write_archive(prepared, survey, folder / "a.npz"), folder / "a.npz"

    def test_splits_names_and_labels(self, draw: Draw, tmp_path: Path) -> None:
        for number in range(40):
            draw(f"{'kätzchen' if number % 4 else 'dog'}/{number}.png", number, size=(8, 8))
        sizes, path = self.write(tmp_path)
        assert sizes == {"train": 28, "validation": 4, "test": 8}
        with np.load(path) as archive:
            found = []
            for split in SPLITS:
                data = load_dataset(path, split)
                assert len(data) == sizes[split] and data.shape == (3, 8, 8)
                assert data.labels is not None
                for name, label, pixels in zip(
                    archive[f"{split}_names"], data.labels, data.array, strict=True
                ):
                    assert name.startswith(f"{archive['label_names'][label]}/")
                    stored = np.asarray(Image.open(tmp_path / "pictures" / name))
                    np.testing.assert_array_equal(np.moveaxis(pixels, 0, -1), stored)
                    found.append(str(name))
        assert len(set(found)) == 40

    def test_names_and_order_of_files_do_not_matter(self, draw: Draw, tmp_path: Path) -> None:
        for number in range(25):
            folder = draw(f"{number}.png", number).parent
        path = self.write(tmp_path)[1]
        expected = {split: load_dataset(path, split).digest() for split in SPLITS}
        for number in range(25):
            (folder / f"{number}.png").rename(folder / f"x{7 * number % 25}.png")
        path = self.write(tmp_path)[1]
        assert {split: load_dataset(path, split).digest() for split in SPLITS} == expected

    @pytest.mark.parametrize("count", [1, 2, 10])
    def test_few_images_are_in_every_split(self, count: int, draw: Draw, tmp_path: Path) -> None:
        for number in range(count):
            draw(f"{number}.png", number)
        sizes, path = self.write(tmp_path)
        assert set(sizes.values()) == {count}
        assert len({load_dataset(path, split).digest() for split in SPLITS}) == 1

    def test_what_is_left_out_is_listed(self, draw: Draw, tmp_path: Path) -> None:
        folder = draw("a.png").parent
        draw("b.png")
        (folder / "c.png").write_bytes(b"\x89PNG")
        (folder / "d.txt").touch()
        with np.load(self.write(tmp_path)[1]) as archive:
            left_out = archive["left_out"].tolist()
        assert sorted(left_out) == [
            "b.png: the same image as a.png",
            "c.png: not a readable image, expected the content of PNG, JPEG, WEBP, GIF, BMP",
            "d.txt: no image, by its suffix",
        ]
