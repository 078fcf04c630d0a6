"""What a figure depends on besides the libraries: command, processor, device, threads."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch
from stable_baselines3.common.utils import get_device


def find_command() -> str:
    """Return the command line of this process."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])  # folders differ by machine


def find_commit() -> str | None:
    """Return the commit of the code, with a plus if it was changed since; None if unknown."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():  # installed, not a checkout
        return None
    try:
        run = partial(subprocess.run, cwd=folder, capture_output=True, text=True, check=True)
        commit = run(["git", "rev-parse", "--short=12", "HEAD"]).stdout.strip()
        changed = run(["git", "status", "--porcelain", "-uno"]).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # without git
        return None
    return f"{commit}+" if changed else commit


def describe_machine() -> dict[str, str | int]:
    """Return what durations depend on: system, processor, cores and threads."""
    return {
        "system": platform.platform(),
        "processor": find_processor(),
        "cores": os.cpu_count() or 1,  # None where it is unknown
        "torch_threads": torch.get_num_threads(),
    }


def find_processor() -> str:
    """Return the processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1] for line in file if line.startswith("model name")]
    except OSError:  # only Linux has this file
        names = []
    return names[0].strip() if names else platform.processor() or platform.machine()


def list_devices() -> list[str]:
    """Return the names of the devices that torch can use on this machine."""
    devices = [f"cpu ({find_processor()}, {os.cpu_count()} cores)"]
    for index in range(torch.cuda.device_count()):
        devices.append(f"cuda:{index} ({torch.cuda.get_device_name(index)})")
    if torch.backends.mps.is_available():  # Apple's GPUs
        devices.append("mps")
    return devices


def find_device(name: str | torch.device) -> torch.device:
    """Return a device by name; "auto" selects the GPU if there is one.

    Raises:
        ValueError: If this machine has no such device.
    """
    if name == "auto":
        return get_device("auto")
    try:
        return torch.empty(0, device=name).cpu().to(name).device  # only a copy shows that it works
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # backends differ
        known = ", ".join(device.split(" ")[0] for device in list_devices())
        raise ValueError(f"no device {name!r} on this machine, only {known}") from error


def set_threads(threads: int | None) -> None:
    """Set the number of torch's threads; None leaves it as it is.

    Raises:
        ValueError: If it is not positive.
    """
    if threads is None:
        return
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    torch.set_num_threads(threads)
