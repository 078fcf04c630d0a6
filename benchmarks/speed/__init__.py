"""What the benchmarks share: timing in turns, figures with targets, and the rivals."""
