"""What ends guided generation early; both keep the images that are complete."""

from __future__ import annotations

from agents.guidance.guided_sample import GuidedSample


class GuidanceError(ValueError):
    """A guidance function has failed, or returned something that is no score of each image."""

    partial: GuidedSample | None = None
    """The images that were complete; None before the first batch."""


class GuidanceInterrupted(KeyboardInterrupt):
    """Ctrl-C during guided generation."""

    def __init__(self, partial: GuidedSample) -> None:
        """Keep what is complete.

        Args:
            partial: The images that were complete, possibly none.
        """
        super().__init__(f"guided generation was interrupted after {len(partial)} images")
        self.partial = partial
