import numpy as np
import pytest

from gcgen_env.viewer import image_grid, labelled_grid

IMAGES = np.random.default_rng(0).random((3, 1, 8, 8))


def test_each_row_has_its_labels_above():
    picture = labelled_grid(IMAGES, ["one", "two", "three"], columns=2)
    assert picture.shape == (2 * (22 + 84 + 4), 2 * 84 + 4, 3)
    assert (picture[22 : 22 + 88] == image_grid(IMAGES[:2])).all()
    assert picture[:22, :84].max() > 100  # the first label
    empty = labelled_grid(IMAGES, ["", "", ""], columns=2)
    assert (empty[22 : 22 + 88] == picture[22 : 22 + 88]).all()
    assert empty[:22].max() < 60


@pytest.mark.parametrize(
    ("images", "labels", "columns"),
    [(IMAGES[0], ["a"], 2), (IMAGES, ["a"], 2), (IMAGES, ["a", "b", "c"], 0)],
)
def test_bad_arguments_are_named(images, labels, columns):
    with pytest.raises(ValueError, match="Expected images of shape"):
        labelled_grid(images, labels, columns)
