"""Programs that measure: the speed of the library, and each part of the method."""
