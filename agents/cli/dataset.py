"""`gcgen dataset`: write episodes of a behaviour policy as a Minari data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.cli.checks import check_at_least, check_seed, reading_input
from agents.cli.settings import EnvironmentSettings
from agents.offline.behaviour_names import Behaviour


@dataclass(frozen=True)
class Dataset:
    """Write episodes of a behaviour policy as a Minari data set.

    Goals are training images. Observations hold no proposals, to save space.
    The files are in OUT/NAME; `MINARI_DATASETS_PATH=OUT` lets Minari find them by name.
    """

    env: str = "GCGen-Digits-v0"
    """Id of an environment; `gcgen info` lists them."""
    behaviour: Behaviour = "mixed"
    """Who selects the proposals: random (uniform), greedy (largest gain at each step), beam (a
    beam search), or mixed (of 4 episodes 2 random, 1 greedy, 1 beam)."""
    episodes: int = 1000
    """Number of episodes."""
    seed: int = 0
    """Seed of the goals and of the random choices."""
    width: int = 16
    """Width of the beam search."""
    name: str | None = None
    """Name of the data set; by default gcgen/<short id>/<behaviour>-v0."""
    out: Path = Path("datasets")
    """Folder of all data sets."""
    overwrite: bool = False
    """Replace the data set if it exists."""
    proposer: str | None = None
    """Proposer: pretrained, dictionary, or a saved S-agent; by default that of the id."""
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.recording import check_place, find_name, make_spec, record
        from agents.offline.minari_layout import import_minari

        with reading_input():
            import_minari()  # raises before the work begins
            check_at_least(1, episodes=self.episodes, width=self.width)
            check_seed(self.seed)
            name = self.name or find_name(self.env, self.behaviour)
            folder = check_place(self.out, name, self.overwrite)
            spec = make_spec(self.env, self._list_kwargs())
        options = {"episodes": self.episodes, "seed": self.seed, "width": self.width}
        mean = record(self.out, name, spec, self.behaviour, **options)
        print(f"wrote {self.episodes:,} episodes to {folder}, mean return {mean:.2f}")
        return 0

    def _list_kwargs(self) -> dict[str, Any]:
        """Return the keywords of the environment that were given."""
        given = self.environment.to_kwargs()
        return given if self.proposer is None else {**given, "proposer": self.proposer}
