"""Runnable stories, one for each file: `python -m examples.demo`."""
