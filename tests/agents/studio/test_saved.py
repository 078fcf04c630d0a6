import json

import pytest
from PIL import Image

from agents.studio.drawing import Drawing
from agents.studio.saved import MOST_JSON, open_drawing, save_drawing

CODE = (3, 5, 7)


@pytest.mark.parametrize("name", ["digits", "toy"])
def test_a_drawing_is_saved_as_code_strip_and_animation(request, tmp_path, name):
    model = request.getfixturevalue(name)
    drawing = Drawing(CODE, (1,), ((2,),))
    paths = [save_drawing(model, drawing, tmp_path / f"d.{f}") for f in ("json", "png", "gif")]
    assert open_drawing(model, paths[0]) == Drawing(CODE)
    with Image.open(paths[1]) as strip, Image.open(paths[2]) as animation:
        assert strip.format == "PNG"
        assert animation.n_frames == len(CODE) + 1


def test_an_empty_drawing_can_be_saved(tmp_path, digits):
    for form in ("json", "png", "gif"):
        assert save_drawing(digits, Drawing(), tmp_path / f"d.{form}").stat().st_size > 0


def test_a_drawing_of_another_model_is_refused(tmp_path, digits, toy):
    path = save_drawing(digits, Drawing(CODE), tmp_path / "d.json")
    with pytest.raises(ValueError, match=r"made with another model \(Digits\)"):
        open_drawing(toy, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: "not json", "not a JSON object"),
        (lambda d: [1], "not a JSON object"),
        (lambda d: {**d, "kind": "other"}, "no saved drawing"),
        (lambda d: {**d, "code": "123"}, "damaged"),
        (lambda d: {**d, "code": [1, 16]}, "damaged"),
        (lambda d: {**d, "code": [True]}, "damaged"),
        (lambda d: {**d, "code": [0] * 9}, "codes must have shape"),
        (lambda d: {**d, "more": "x" * MOST_JSON}, "too large"),
    ],
)
def test_damaged_files_get_one_sentence(tmp_path, digits, change, message):
    path = save_drawing(digits, Drawing(CODE), tmp_path / "d.json")
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=message) as caught:
        open_drawing(digits, path)
    assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_other_formats_are_refused(tmp_path, digits):
    with pytest.raises(ValueError, match="saved as json, png, gif"):
        save_drawing(digits, Drawing(), tmp_path / "d.exe")
