"""Arguments of `GCGen.load` that are wrong are not blamed on the file."""

import pytest

from agents import GCGen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_envs": -1}, "^n_envs must be at least 1"),
        ({"seed": "a"}, "^seed must "),
        ({"custom_objects": {"learning_rate": -1.0}}, "^learning_rate must be"),
    ],
)
def test_a_wrong_argument_is_not_called_a_damaged_file(model_file, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        GCGen.load(model_file, **arguments)


def test_the_schedule_of_sb3_in_custom_objects_is_ignored(model_file):
    custom = {"learning_rate": 0.0, "lr_schedule": lambda _: 0.0, "clip_range": None}
    model = GCGen.load(model_file, custom_objects=custom)
    assert model.learning_rate == 0.0
    assert model.config.lr_schedule == "linear"
