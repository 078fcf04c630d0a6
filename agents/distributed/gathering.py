"""How processes that are started again find each other in a store that outlives them."""

from __future__ import annotations

import json
import time
import uuid

from torch.distributed import Store

from agents.distributed.meeting import INTERVAL, LaunchError, PeerLost


def gather(store: Store, rank: int, size: int, seconds: float) -> str:
    """Wait until all processes of this start have come; return a name that they share.

    The store may hold what earlier processes have left. Each process therefore leaves a new word.
    The first one repeats the words that it finds, and each of the others waits for its own.

    Args:
        store: It is shared by all processes.
        rank: The number of this process.
        size: The number of processes.
        seconds: How long to wait for the others.

    Returns:
        A name that no earlier start has used.

    Raises:
        LaunchError: If a process does not come.
        PeerLost: If the one that serves the store has ended.
    """
    try:
        return (_receive if rank == 0 else _come)(store, rank, size, time.monotonic() + seconds)
    except RuntimeError as error:  # the process that serves the store has ended
        raise PeerLost(f"rank {rank} has lost the first process") from error
    except TimeoutError as error:
        raise LaunchError(
            f"rank {error} of {size} has not come within {seconds:.0f} seconds: "
            "start all processes, or fewer"
        ) from error


def _receive(store: Store, rank: int, size: int, end: float) -> str:
    """Repeat the words of the others until each of them has seen its own."""
    name, missing = uuid.uuid4().hex, list(range(1, size))
    words: dict[str, str] = {}
    while missing:
        come = [other for other in missing if store.check([f"word/{other}"])]
        found = words | {str(other): store.get(f"word/{other}").decode() for other in come}
        if found != words:
            words = found
            store.set("start", json.dumps({"name": name, "words": words}))
        missing = [other for other in missing if not store.check([f"{name}/{other}"])]
        if missing and time.monotonic() > end:
            raise TimeoutError(", ".join(map(str, missing)))
        time.sleep(INTERVAL if missing else 0)
    return name


def _come(store: Store, rank: int, size: int, end: float) -> str:
    """Leave a word, and wait until the first process of this start repeats it."""
    word = uuid.uuid4().hex
    store.set(f"word/{rank}", word)
    while time.monotonic() < end:
        if store.check(["start"]):
            start = json.loads(store.get("start"))
            if start["words"].get(str(rank)) == word:
                store.set(f"{start['name']}/{rank}", "here")
                return start["name"]
        time.sleep(INTERVAL)
    raise TimeoutError("0")
