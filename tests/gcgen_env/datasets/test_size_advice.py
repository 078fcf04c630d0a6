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
    ("num_values", "task"),
    [
        (2, (32, 10)),
        (784, (32, 10)),
        (785, (512, 64)),
        (3072, (512, 64)),
        (3073, (512, 96)),
        (12288, (512, 96)),
    ],
)
def test_more_values_need_more_bits(num_values: int, task: tuple[int, int]) -> None:
    assert suggest_task(num_values, 10_000) == task


def test_there_are_not_more_proposals_than_images() -> None:
    assert suggest_task(3072, 300) == (300, 64)
    assert suggest_task(3072, 3) == (32, 64)
    assert suggest_task(784, 3) == (32, 10)
