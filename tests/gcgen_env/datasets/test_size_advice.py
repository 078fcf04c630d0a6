"""The sizes that `gcgen prepare` suggests."""

import pytest

from gcgen_env.datasets.size_advice import suggest_side, suggest_task


@pytest.mark.parametrize(
    ("median", "side"),
    [(1, 4), (8, 8), (15, 15), (16, 16), (27, 24), (28, 28), (47, 32), (64, 64), (3000, 64)],
)
def test_the_largest_size_that_the_images_have(median: int, side: int) -> None:
    assert suggest_side(median) == side


@pytest.mark.parametrize(
    ("side", "is_grey", "task"),
    [
        (28, True, (32, 10)),
        (16, False, (32, 10)),
        (28, False, (512, 64)),
        (32, False, (512, 64)),
        (48, True, (512, 64)),
        (64, True, (512, 96)),
        (64, False, (512, 96)),
    ],
)
def test_more_values_need_more_bits(side: int, is_grey: bool, task: tuple[int, int]) -> None:
    assert suggest_task(side, is_grey) == task
