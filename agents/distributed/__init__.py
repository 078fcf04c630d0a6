"""Data parallel training: processes that share each update of one model."""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.distributed.joining import join
    from agents.distributed.meeting import LaunchError
    from agents.distributed.ranks import ALONE, Alone, Ranks, RanksLost
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "ALONE": "agents.distributed.ranks",
            "Alone": "agents.distributed.ranks",
            "LaunchError": "agents.distributed.meeting",
            "Ranks": "agents.distributed.ranks",
            "RanksLost": "agents.distributed.ranks",
            "join": "agents.distributed.joining",
        },
    )

__all__ = ["ALONE", "Alone", "LaunchError", "Ranks", "RanksLost", "join"]
