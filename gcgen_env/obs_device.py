"""Where observations are: arrays on the host, or tensors on the environment's device."""

from __future__ import annotations

from gcgen_env.messages import show

OBS_DEVICES = ("host", "env")
"""NumPy arrays, as Gymnasium has it; or tensors, see `TensorVectorEnv`."""


def check_obs_device(obs_device: str, maker: str | None = None) -> None:
    """Raise a ValueError unless `obs_device` is known.

    Args:
        obs_device: The value.
        maker: What makes arrays only, and therefore needs "host"; None if it makes tensors, too.
    """
    if obs_device not in OBS_DEVICES:
        known = " or ".join(map(repr, OBS_DEVICES))
        raise ValueError(f"obs_device must be {known}, got {show(obs_device)}")
    if maker is not None and obs_device != "host":
        raise ValueError(
            f"{maker} returns NumPy arrays, got obs_device={obs_device!r}: make a batch with "
            "gym.make_vec and the id of an environment with images, or leave obs_device out"
        )
