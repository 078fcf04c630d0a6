"""Joins the processes that `torchrun` has started: gloo between CPUs, nccl between GPUs."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from agents.common.versions import find_versions
from agents.distributed.gathering import gather
from agents.distributed.meeting import ANSWER, PRESENCE, LaunchError, Meeting, PeerLost
from agents.distributed.ranks import Ranks

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for the others in an update: the first one may be evaluating."""
CONNECTING = timedelta(seconds=30)
"""How long all processes, which have just been there, may take to connect."""
WATCHED = 600.0
"""Seconds in which every process must come if an agent has started it, and sees when it ends."""


class Place(NamedTuple):
    """What `torchrun` tells a process of its place."""

    rank: int
    """Its number among all processes."""
    size: int
    """The number of processes."""
    local_rank: int
    """Its number on this machine."""
    local_size: int
    """The number of processes on this machine."""
    is_watched: bool
    """Whether an agent of `torchrun` watches over the processes, and may start them again."""


class Joined(NamedTuple):
    """The processes of a training, as one of them sees them."""

    ranks: Ranks
    """For `GCGen.ranks`."""
    meeting: Meeting
    """Where they compare what they have."""


def find_place(environ: Mapping[str, str] = os.environ) -> Place | None:
    """Read the place of this process from the environment; None if it is alone.

    Raises:
        LaunchError: If a variable is missing or is no number.
    """
    if "RANK" not in environ or "WORLD_SIZE" not in environ:  # not started by torchrun
        return None
    if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT") if not environ.get(name)]:
        raise LaunchError(
            f"RANK is set and {missing[0]} is not: start with torchrun, or unset RANK"
        )
    try:
        rank, size = int(environ["RANK"]), int(environ["WORLD_SIZE"])
        local_rank = int(environ.get("LOCAL_RANK", "0"))
        local_size = int(environ.get("LOCAL_WORLD_SIZE", "1"))
        int(environ["MASTER_PORT"])  # torch would report it in many lines
    except ValueError as error:
        raise LaunchError(f"a variable that torchrun sets is no number: {error}") from error
    if not 0 <= rank < size:
        raise LaunchError(f"RANK must lie in [0, {size}), got {rank}")
    return Place(rank, size, local_rank, local_size, "TORCHELASTIC_RUN_ID" in environ)


def choose_device(name: str, place: Place) -> str:
    """Return the device of a process: its own GPU, as far as there are enough."""
    count = torch.cuda.device_count()
    if count and name in ("auto", "cuda"):
        return f"cuda:{place.local_rank % count}"  # some share one if there are too few
    return name


def choose_backend(device: torch.device, place: Place) -> str:
    """Return torch's backend: nccl needs a GPU for each process."""
    has_own = device.type == "cuda" and place.local_size <= torch.cuda.device_count()
    return "cpu:gloo,cuda:nccl" if has_own else "gloo"


def join(
    device: torch.device | str = "cpu",
    options: Mapping[str, Any] | None = None,
    error: str = "",
) -> Joined:
    """Join the other processes of a training, which call this function, too.

    Args:
        device: Where the model will be.
        options: What must be alike in all processes.
        error: Why this process cannot take part; empty if it can.

    Raises:
        LaunchError: If a process does not come, or has other options or versions.
        PeerLost: If a process has ended.
    """
    place = find_place()
    if place is None:
        raise LaunchError("this process is alone: start it with torchrun")
    meeting = Meeting(_open_store(place), place.rank, place.size, platform.node())
    # Before any collective call, which would hang if the processes differed.
    backend = choose_backend(torch.device(device), place)
    note = {**find_versions(), "backend": backend, **(options or {})}
    meeting.compare("options", note, error, ANSWER)
    try:
        dist.init_process_group(
            backend,
            store=dist.PrefixStore("group", meeting.store),
            rank=place.rank,
            world_size=place.size,
            timeout=CONNECTING,
        )
    except RuntimeError as error:
        raise PeerLost(
            f"rank {place.rank} cannot connect to another process: {_shorten(error)}"
        ) from error
    dist.distributed_c10d._set_pg_timeout(TIMEOUT)  # connecting has a shorter one
    return Joined(Ranks(place.rank, place.size), meeting)


def _open_store(place: Place) -> dist.Store:
    """Open the store of a launch, which the launcher or the first process serves."""
    where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    try:
        store, *_ = next(rendezvous("env://", timeout=timedelta(seconds=PRESENCE)))
    except (RuntimeError, ValueError) as error:
        if "EADDRINUSE" in str(error) or "already in use" in str(error):
            raise LaunchError(
                f"{where} is in use by another program: choose another MASTER_PORT"
            ) from error
        if place.rank == 0:
            raise LaunchError(
                f"not all of {place.size} processes have come to {where}: {_shorten(error)}"
            ) from error
        raise LaunchError(
            f"rank {place.rank} cannot reach the first process at {where}: {_shorten(error)}"
        ) from error
    store = dist.PrefixStore("gcgen", store)
    patience = WATCHED if place.is_watched else PRESENCE
    return dist.PrefixStore(gather(store, place.rank, place.size, patience), store)


def _shorten(error: Exception) -> str:
    """Return the first line of a message of torch."""
    return str(error).splitlines()[0]
