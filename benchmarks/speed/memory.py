"""Peak memory, measured in a fresh process."""

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
    """Call `work` and print by how many bytes it raised the peak memory."""
    before = reset_peak()
    work()
    print(json.dumps({"peak_bytes": read_peak() - before}))


def reset_peak() -> int:
    """Reset the peak of the resident memory, and return its present size in bytes.

    Raises:
        OSError: If the system is not Linux.
    """
    Path("/proc/self/clear_refs").write_text("5")
    return _read_status("VmRSS")


def read_peak() -> int:
    """Return the peak of the resident memory since `reset_peak`, in bytes."""
    return _read_status("VmHWM")


def _read_status(name: str) -> int:
    """Return one entry of `/proc/self/status`, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))
