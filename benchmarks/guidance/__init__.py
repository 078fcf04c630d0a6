"""Measures guided generation, and trains the classifiers that are shipped."""
