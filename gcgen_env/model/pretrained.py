"""The S-agents that are shipped with the package."""

from __future__ import annotations

from pathlib import Path

_WEIGHTS = Path(__file__).parent.parent / "weights"


def pretrained_path(dataset: str) -> Path:
    """Return the file of the S-agent shipped for a data set.

    Raises:
        ValueError: If no S-agent is shipped for it.
    """
    path = _WEIGHTS / f"{dataset}.safetensors"
    if not path.is_file():
        shipped = sorted(p.stem for p in _WEIGHTS.glob("*.safetensors"))
        raise ValueError(
            f"no pretrained S-agent is shipped for the data set {dataset!r}, only for "
            f"{', '.join(shipped)}; use proposer='dictionary' or a saved S-agent"
        )
    return path
