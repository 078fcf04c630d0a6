"""A window that shows pictures, drawn with pygame."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

has_pygame = find_spec("pygame") is not None
"""Whether windows can be opened at all."""


def check_pygame() -> None:
    """Raise a DependencyNotInstalled error unless pygame is installed."""
    if not has_pygame:
        raise DependencyNotInstalled(
            "render_mode='human' opens a window with pygame, which is not installed: install "
            "GCGen with its extra 'human', or pip install pygame"
        )


class Window:
    """Shows one picture after another, at most `fps` in a second."""

    def __init__(self, fps: float) -> None:
        """Store the rate; the window opens with the first picture."""
        self.fps = fps
        self._screen: Any = None
        self._clock: Any = None

    def show(self, picture: np.ndarray) -> None:
        """Show a picture, shape (height, width, 3), uint8, and wait until the next may follow.

        Raises:
            RuntimeError: If there is no display.
        """
        import pygame

        if self._screen is None:
            self._screen, self._clock = _open(picture.shape[1], picture.shape[0])
        pixels = pygame.surfarray.make_surface(picture.swapaxes(0, 1))  # pygame: width first
        self._screen.blit(pixels, (0, 0))
        pygame.event.pump()  # else the system reports that the program hangs
        pygame.display.flip()
        self._clock.tick(self.fps)

    def close(self) -> None:
        """Close the window; a second call does nothing."""
        if self._screen is not None:
            import pygame

            pygame.display.quit()
            self._screen = None


def _open(width: int, height: int) -> tuple[Any, Any]:
    """Open a window; return it and a clock."""
    import pygame

    try:
        pygame.display.init()
        screen = pygame.display.set_mode((width, height))
    except pygame.error as error:
        raise RuntimeError(
            f"render_mode='human' needs a display ({error}): use render_mode='rgb_array', or set "
            "the environment variable SDL_VIDEODRIVER=dummy to draw nowhere"
        ) from error
    pygame.display.set_caption("GCGen")
    return screen, pygame.time.Clock()
