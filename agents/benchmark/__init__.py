"""Compares reinforcement-learning algorithms on the environments; `gcgen benchmark` runs it."""
