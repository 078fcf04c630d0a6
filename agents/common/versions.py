"""The versions of the libraries that figures depend on, found without importing them."""

from __future__ import annotations

import platform
from importlib import metadata

import gcgen_env

PACKAGES = ("gymnasium", "numpy", "sb3-contrib", "stable-baselines3", "torch")


def find_versions() -> dict[str, str]:
    """Return the versions of GCGen, Python and the libraries that figures depend on."""
    libraries = {name: metadata.version(name) for name in PACKAGES}
    return {"gcgen": gcgen_env.__version__, "python": platform.python_version(), **libraries}
