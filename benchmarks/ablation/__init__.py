"""Ablation of the method: variants trained for the same time, `python -m benchmarks.ablation`."""
