"""Measures guided generation, and trains the two classifiers that it needs."""
