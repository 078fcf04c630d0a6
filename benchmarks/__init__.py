"""Measuring programs: the speed of the library, and what each part of the method contributes."""
