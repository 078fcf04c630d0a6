"""Pictures and measurements of the studio in a real browser."""
