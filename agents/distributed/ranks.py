"""The processes that train one model together: the rows of each, and the sums over all of them.

Every process draws the goals and the noise of the whole batch, with generators that are alike, and
computes its own rows. The draws are therefore those of one process, and a checkpoint does not
depend on the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor
from torch.optim import Optimizer

from gcgen_env.model.sampling import Share
from gcgen_env.model.turns import Result


class RanksLost(RuntimeError):
    """Another process of the training has ended or cannot be reached."""


class Alone:
    """One process, which computes everything."""

    rank = 0
    size = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the logs and the checkpoints."""
        return self.rank == 0

    def share(self, num: int, group: int = 1) -> Share:
        """Return the rows of a batch that this process computes.

        Args:
            num: B, the number of rows.
            group: Adjacent rows that stay together; it divides B.

        Raises:
            ValueError: If there are more processes than groups.
        """
        groups = num // group
        if groups < self.size:
            raise ValueError(
                f"{self.size} processes are too many for an update of {groups} goals: "
                "start fewer, or raise batch_size; n_envs must be a multiple of it"
            )
        bounds = [group * (groups * i // self.size) for i in (self.rank, self.rank + 1)]
        rows = slice(*bounds)
        return Share(num, rows, (rows.stop - rows.start) / num)

    def repeat(self, num: int) -> Share:
        """Return all rows of a batch that every process computes, as it cannot be divided."""
        return Share(num, slice(0, num), 1 / self.size)

    def differentiate(self, loss: Tensor, share: Share, optimizer: Optimizer) -> Tensor:
        """Compute the gradients of the whole batch.

        Args:
            loss: Mean over the rows of this process.
            share: These rows.
            optimizer: Its weights get the gradients.

        Returns:
            The loss of the whole batch, without gradient: the same in every process.

        Raises:
            RanksLost: If another process has ended.
        """
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    def agree(self, value: float) -> float:
        """Return the number of the first process."""
        return value

    def any(self, flag: bool) -> bool:
        """Return whether a flag is set in any process."""
        return flag

    def gather(self, rows: Tensor, share: Share) -> Tensor:
        """Return the rows (B, ...) of all processes, given those of this one."""
        return rows

    def take_turns(
        self,
        batches: Sequence[Any],
        compute: Callable[[Any], Result],
        skip: Callable[[Any], object] = lambda batch: None,
    ) -> list[Result]:
        """Compute every batch in one of the processes; see `gcgen_env.model.turns.Turns`."""
        return [compute(batch) for batch in batches]


class Ranks(Alone):
    """One of several processes, which `join` has brought together.

    Each method but `share` and `repeat` is called by all processes at the same point. Sums over
    processes are made in one order: the same number of processes gives the same bits.
    """

    def __init__(self, rank: int, size: int, group: Any = None) -> None:
        """Store the place of this process.

        Args:
            rank: Its number, from 0.
            size: The number of processes.
            group: Their group; None is torch's default group.
        """
        self.rank = rank
        self.size = size
        self.group = group

    def differentiate(self, loss: Tensor, share: Share, optimizer: Optimizer) -> Tensor:
        """Compute the gradients of the whole batch; see `Alone`.

        All gradients and the loss are one flat vector, which is summed once. A loss that is not
        finite in one process is therefore not finite in all of them.
        """
        part = loss * share.weight
        super().differentiate(part, share, optimizer)
        groups = optimizer.param_groups
        weights = [w for each in groups for w in each["params"] if w.grad is not None]
        flat = torch.cat([*(w.grad.flatten() for w in weights), part.detach().view(1)])
        self._call(dist.all_reduce, flat)
        *parts, total = flat.split([*(w.numel() for w in weights), 1])
        for weight, gradient in zip(weights, parts, strict=True):
            weight.grad = gradient.view_as(weight)  # of the vector, without a copy
        return total.squeeze()

    def agree(self, value: float) -> float:
        """Return the number of the first process."""
        shared = torch.tensor([value], dtype=torch.float64)
        self._call(dist.broadcast, shared, 0)
        return shared.item()

    def any(self, flag: bool) -> bool:
        """Return whether a flag is set in any process."""
        count = torch.tensor([float(flag)])
        self._call(dist.all_reduce, count)
        return count.item() > 0

    def gather(self, rows: Tensor, share: Share) -> Tensor:
        """Return the rows (B, ...) of all processes, given those of this one."""
        if len(rows) == share.num:  # computed by every process
            return rows
        table = rows.new_zeros(share.num, *rows.shape[1:])
        table[share.rows] = rows
        self._call(dist.all_reduce, table)  # every other process adds zeros: exact
        return table

    def take_turns(
        self,
        batches: Sequence[Any],
        compute: Callable[[Any], Result],
        skip: Callable[[Any], object] = lambda batch: None,
    ) -> list[Result]:
        """Compute every N-th batch, and exchange the results; see `Alone`."""
        results: list[Result | None] = []  # of this process; None for the others
        for i, batch in enumerate(batches):
            is_mine = i % self.size == self.rank
            results.append(compute(batch) if is_mine else None)
            if not is_mine:
                skip(batch)
        return [self._spread(result, i % self.size) for i, result in enumerate(results)]

    def _spread(self, result: Result | None, owner: int) -> Result:
        """Send the tensors of one process, which the others do not know, to all of them."""
        content = b""
        if result is not None:
            content = save({str(i): each.cpu().contiguous() for i, each in enumerate(result)})
        size = torch.tensor([len(content)])  # the others cannot know it
        self._call(dist.broadcast, size, owner)
        found = load(self.send(content or None, int(size), owner))
        return tuple(found[str(i)] for i in range(len(found)))

    def send(self, content: bytes | None, num: int, owner: int = 0) -> bytes:
        """Send bytes from one process to all others.

        Args:
            content: The bytes; only that process has them.
            num: Their number.
            owner: The process, by default the first one.
        """
        buffer = torch.zeros(num, dtype=torch.uint8)
        if content is not None:
            buffer = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        self._call(dist.broadcast, buffer, owner)
        return buffer.numpy().tobytes()

    def _call(self, collective: Callable[..., Any], tensor: Tensor, *args: Any) -> None:
        """Call a collective function of torch."""
        try:
            collective(tensor, *args, group=self.group)
        except RuntimeError as error:  # how gloo and nccl say that a connection is closed
            raise RanksLost(
                f"rank {self.rank} has lost another process of the training: one of the "
                f"{self.size} processes has ended or cannot be reached"
            ) from error


ALONE = Alone()
"""The default."""
