"""Dataclasses of keyword arguments: unknown ones are named, documented fields."""

from dataclasses import dataclass, fields

import pytest

from gcgen_env import EnvConfig
from gcgen_env.keywords import document_fields, make_from_keywords


@dataclass
class Settings:
    batch_size: int = 64
    learning_rate: float = 1e-3


def test_an_unknown_keyword_names_the_nearest_field_of_any_dataclass():
    assert make_from_keywords(Settings, batch_size=2) == Settings(batch_size=2)
    with pytest.raises(TypeError, match="argument 'batchsize'; did you mean 'batch_size'"):
        make_from_keywords(Settings, batchsize=2)
    with pytest.raises(TypeError, match="argument 'cls'; known: batch_size, learning_rate"):
        make_from_keywords(Settings, cls=2)


def test_the_fields_are_inserted_under_the_arguments_of_an_environment():
    @document_fields(EnvConfig, "## Arguments")
    class Env:
        """An environment.

        ## Arguments
        Also `render_mode`.
        """

    names = [line.strip().partition(":")[0] for line in Env.__doc__.splitlines() if ":" in line]
    assert {field.name for field in fields(EnvConfig)} <= set(names)
    heading, last = Env.__doc__.index("## Arguments"), Env.__doc__.index("Also `render_mode`")
    assert heading < Env.__doc__.index("dataset: Name") < Env.__doc__.index("device: ") < last
