"""The command line `gcgen`: one module for each command, one dataclass for its options."""
