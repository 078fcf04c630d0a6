"""What each part of the method is worth: variants trained for the same time, one table."""
