"""Tests of other libraries with the environments, run by `make test-clients`."""
