"""Offline learning: data sets of behaviour policies, and two algorithms that learn from them."""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.offline.episode_data import EpisodeData, read_data
    from agents.offline.gcbc import GCBC
    from agents.offline.gciql import GCIQL
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "EpisodeData": "agents.offline.episode_data",
            "GCBC": "agents.offline.gcbc",
            "GCIQL": "agents.offline.gciql",
            "read_data": "agents.offline.episode_data",
        },
    )

__all__ = ["GCBC", "GCIQL", "EpisodeData", "read_data"]
