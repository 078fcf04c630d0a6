"""Reads mutated files in a process of its own, and prints what it found as JSON.

`python -m tests.fuzzing.worker FOLDER SEED COUNT`
"""

import json
import os
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from tests.fuzzing.targets import Target, make_targets

SECONDS = 10.0
"""Longest time that one file may take."""
FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
             "os.fork", "socket.connect")  # fmt: skip
"""Audit events of running code or leaving the machine."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate")


class Watch:
    """Records what a process does that reading a file must not do."""

    def __init__(self, folder: Path) -> None:
        """Begin to watch; it never ends, as audit hooks cannot be removed."""
        self.folder, self.seen, self.active = str(folder), [], False
        sys.addaudithook(self._record)

    def _record(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.active:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {arguments!r:.200}")
        if (event == "open" and int(arguments[2] or 0) & WRITING) or event in CHANGES:  # type: ignore[call-overload]
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike):
                name = os.path.realpath(os.fsdecode(path))
                if not name.startswith(self.folder) and name != os.devnull:
                    self.seen.append(f"{event} {name}")


def try_one(target: Target, path: Path, watch: Watch) -> tuple[str, str | None]:
    """Read one file; return how it ended, and what is wrong with that."""
    start, watch.active = time.monotonic(), True
    try:
        target.read(path)
        end, problem = "accepted", None
    except target.errors as error:
        end, problem = "refused", _check_message(target, path, str(error))
    except Exception:
        end, problem = "failed", traceback.format_exc(limit=-6)
    finally:
        watch.active = False
    seconds = time.monotonic() - start
    if seconds > SECONDS:
        problem = f"took {seconds:.1f} seconds"
    if watch.seen:
        problem, watch.seen = f"did {watch.seen}", []
    return end, problem


def _check_message(target: Target, path: Path, message: str) -> str | None:
    """Return what is wrong with a message: it must name the file, in one line."""
    names = target.name, path.stem, "mutated", *target.known_as
    if not any(name in message for name in names):
        return f"the message names no file: {message:.300}"
    return f"several lines: {message:.300}" if "\n" in message else None


def peak() -> int:
    """Return the largest memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Try COUNT mutated files of all kinds in turn."""
    folder, seed, count = Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")  # of readers, about damaged files
    inputs = folder / "inputs"
    inputs.mkdir(parents=True)
    targets = make_targets(folder)
    for target in targets:  # also imports what is imported late
        (inputs / target.name).write_bytes(target.content)
        target.read(inputs / target.name)
    os.chdir(inputs)
    watch, before = Watch(folder), peak()
    ends: Counter[str] = Counter()
    problems = []
    for i in range(count):
        rng, target = np.random.default_rng([seed, i]), targets[i % len(targets)]
        path = inputs / target.name
        content = target.mutate(rng)
        path.write_bytes(content)
        end, problem = try_one(target, path, watch)
        ends[f"{target.name} {end}"] += 1
        if problem is not None:
            problems.append({"target": target.name, "seed": [seed, i], "problem": problem})
    print(json.dumps({"ends": ends, "problems": problems, "bytes": peak() - before}))


if __name__ == "__main__":
    main()
