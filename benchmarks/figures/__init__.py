"""Draws the pictures of the pages again, with the commands that the pages show."""
