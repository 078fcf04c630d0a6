"""Runnable stories, one a file: `python -m examples.demo`."""
