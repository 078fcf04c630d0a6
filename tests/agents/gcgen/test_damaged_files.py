"""Models whose header claims more than their tensors hold: refused before memory is taken."""

import pytest

from agents import GCGen
from agents.gcgen.checkpoint import KIND
from gcgen_env.storage import load_container, save_container
from tests.agents.gcgen.test_earlier_files import DATA


@pytest.mark.parametrize("width", [10**9, 20_000, 8, -1, True, None, "4"])
def test_a_policy_is_not_built_wider_than_its_weights(width, tmp_path):
    """A width of a billion took 23 GB and minutes."""
    document, tensors = load_container(DATA / "model.gcgen", KIND)
    document["options"]["policy_kwargs"]["width"] = width
    save_container(tmp_path / "wide.gcgen", KIND, document, tensors)
    with pytest.raises(ValueError, match=r"wide\.gcgen is damaged: .* the policy has width="):
        GCGen.load(tmp_path / "wide.gcgen")


def test_missing_weights_of_the_policy_are_named_in_one_line(tmp_path):
    document, tensors = load_container(DATA / "model.gcgen", KIND)
    for name in ("policy.mlp_extractor.scorer.body.2.weight", "policy.value_net.bias"):
        some = {key: value for key, value in tensors.items() if key != name}
        save_container(tmp_path / "less.gcgen", KIND, document, some)
        with pytest.raises(ValueError, match=r"less\.gcgen is damaged: .*issing") as caught:
            GCGen.load(tmp_path / "less.gcgen")
        assert "\n" not in str(caught.value)
