"""Processes of one start find each other, whatever earlier ones have left in the store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import torch.distributed as dist

from agents.distributed.gathering import gather
from agents.distributed.meeting import LaunchError, PeerLost

SECONDS = 60.0


def gather_all(store, size, ranks=None):
    """Let ranks gather at the same time; return what each one is told."""
    ranks = range(size) if ranks is None else ranks
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: gather(store, rank, size, SECONDS), ranks))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_each_start_has_a_name_of_its_own(size):
    store = dist.HashStore()
    names = [gather_all(store, size) for _ in range(3)]
    assert all(len(set(each)) == 1 for each in names)
    assert len({each[0] for each in names}) == 3


def test_a_process_that_was_killed_while_it_waited_is_not_one_of_the_next_start():
    store = dist.HashStore()
    store.set("word/1", "of a killed process")
    with pytest.raises(LaunchError, match=r"^rank 1 of 2 has not come within 0 seconds: start all"):
        gather(store, 0, 2, 0.2)
    assert len(set(gather_all(store, 2))) == 1


def test_the_first_process_does_not_come():
    store = dist.HashStore()
    gather_all(store, 2)
    with pytest.raises(LaunchError, match="rank 0 of 2 has not come"):
        gather(store, 1, 2, 0.2)


def test_the_store_ends():
    server = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    store = dist.TCPStore("localhost", server.port, timeout=timedelta(seconds=5))
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(gather, store, 1, 2, SECONDS)
        del server
        with pytest.raises(PeerLost, match="rank 1 has lost the first process"):
            told.result(SECONDS)
