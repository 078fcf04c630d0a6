"""Generative models at equal training time, `python -m benchmarks.compare`."""
