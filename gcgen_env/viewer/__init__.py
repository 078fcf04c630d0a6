"""Pictures of episodes and samples, as arrays, text and files; NumPy and Pillow only."""

from gcgen_env.viewer.frame import Frame, render_ansi, render_rgb
from gcgen_env.viewer.grids import (
    image_grid,
    reconstruction_grid,
    save_gif,
    save_png,
    scatter_plot,
    trajectory_grid,
)

__all__ = [
    "Frame",
    "image_grid",
    "reconstruction_grid",
    "render_ansi",
    "render_rgb",
    "save_gif",
    "save_png",
    "scatter_plot",
    "trajectory_grid",
]
