"""A drawing: the choices so far, those taken back, and the branches that were left."""

from __future__ import annotations

from dataclasses import dataclass, replace

Code = tuple[int, ...]
MOST_BRANCHES = 12


@dataclass(frozen=True)
class Drawing:
    """One path through the proposals; every move returns a new drawing.

    A session keeps nothing else: numbers that it alone knows, from which the images follow.
    """

    code: Code = ()
    """The choices so far, at most H."""
    ahead: Code = ()
    """Choices that were taken back and can be made again."""
    branches: tuple[Code, ...] = ()
    """Paths that were left for other ones, the last one first."""

    @property
    def path(self) -> Code:
        """The choices so far and those taken back."""
        return self.code + self.ahead

    def choose(self, action: int) -> Drawing:
        """Make a choice; what lay ahead becomes a branch, unless it is the same choice."""
        code = (*self.code, action)
        if self.ahead[:1] == (action,):  # the same choice again: nothing is left behind
            return replace(self, code=code, ahead=self.ahead[1:])
        left = self._leave() if self.ahead else self.branches
        return Drawing(code, (), tuple(path for path in left if path != code))

    def go_to(self, step: int) -> Drawing:
        """Go back, or forward again, to the state after `step` choices.

        Raises:
            ValueError: If there is no such state.
        """
        path = self.path
        if not 0 <= step <= len(path):
            raise ValueError(f"there is no step {step}: the drawing has {len(path)}")
        return replace(self, code=path[:step], ahead=path[step:])

    def back(self) -> Drawing:
        """Take the last choice back, if there is one."""
        return self.go_to(max(len(self.code) - 1, 0))

    def forward(self) -> Drawing:
        """Make the choice again that was taken back last, if there is one."""
        return self.go_to(min(len(self.code) + 1, len(self.path)))

    def switch(self, index: int) -> Drawing:
        """Go to the end of a branch; the present path becomes a branch.

        Raises:
            ValueError: If there is no such branch.
        """
        if not 0 <= index < len(self.branches):
            raise ValueError(f"there is no branch {index}: there are {len(self.branches)}")
        target = self.branches[index]
        return Drawing(target, (), tuple(path for path in self._leave() if path != target))

    def begin(self, code: Code = ()) -> Drawing:
        """Begin again, from a code; the present path becomes a branch."""
        left = self._leave() if self.path else self.branches
        return Drawing(code, (), tuple(path for path in left if path != code))

    def _leave(self) -> tuple[Code, ...]:
        """Return the branches with the present path as the first one."""
        others = [path for path in self.branches if path != self.path]
        return (self.path, *others)[:MOST_BRANCHES]
