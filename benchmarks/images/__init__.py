"""Generative models of images at equal training time, `python -m benchmarks.images`."""
