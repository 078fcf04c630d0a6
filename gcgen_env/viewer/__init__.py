"""Pictures of episodes and samples as arrays, text and files, drawn from plain arrays."""

from gcgen_env.viewer.ansi import render_ansi
from gcgen_env.viewer.files import save_gif, save_png
from gcgen_env.viewer.film import save_mp4
from gcgen_env.viewer.frame import render_rgb
from gcgen_env.viewer.grids import (
    image_grid,
    nearest_grid,
    reconstruction_grid,
    trajectory_grid,
)
from gcgen_env.viewer.labelled import labelled_grid
from gcgen_env.viewer.scatter import scatter_plot
from gcgen_env.viewer.types import Frame

__all__ = [
    "Frame",
    "image_grid",
    "labelled_grid",
    "nearest_grid",
    "reconstruction_grid",
    "render_ansi",
    "render_rgb",
    "save_gif",
    "save_mp4",
    "save_png",
    "scatter_plot",
    "trajectory_grid",
]
