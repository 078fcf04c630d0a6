"""Memory of a piece of work, measured in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def measure_peak(module: str, *arguments: Any) -> dict[str, float]:
    """Run `python -m module arguments` and return the JSON object it prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def run_and_report(work: Callable[[], Any]) -> None:
    """Do a piece of work and print by how much its peak exceeded the memory before it, in bytes."""
    before = reset_peak()
    work()
    print(json.dumps({"peak_bytes": read_peak() - before}))


def reset_peak() -> int:
    """Forget the largest resident memory so far; return the present one, in bytes.

    Raises:
        OSError: If the system is not Linux.
    """
    Path("/proc/self/clear_refs").write_text("5")
    return _read_status("VmRSS")


def read_peak() -> int:
    """Return the largest resident memory since `reset_peak`, in bytes."""
    return _read_status("VmHWM")


def _read_status(name: str) -> int:
    """Return one entry of this process's memory figures, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))
