"""Other people's libraries on the environments: the real packages, in their own environment."""
