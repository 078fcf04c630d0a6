"""Measures data parallel training, and predicts it for many processes."""
