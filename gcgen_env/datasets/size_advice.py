"""Suggests the size of images, and the numbers of proposals and steps for that size."""

SIDES = (16, 24, 28, 32, 48, 64)
SMALLEST = 4
"""Smallest side: arrays of smaller colour images do not tell which axis holds the channels."""
SIZES_OF_TASKS = ((784, (32, 10)), (3072, (512, 64)))
"""A and H for images of at most so many values: 28x28 grey and 16x16 colour; 32x32 colour."""
LARGEST = (512, 96)


def suggest_side(median_side: int) -> int:
    """Return the largest of `SIDES` that is not above the median of the images' shorter sides.

    Images that are smaller than all of them keep their size.
    """
    return max((side for side in SIDES if side <= median_side), default=max(SMALLEST, median_side))


def suggest_task(num_values: int, num_images: int) -> tuple[int, int]:
    """Return A and H: the more values an image has, the more bits describe it.

    Above the smallest A there is at most one proposal for each training image.
    """
    a, h = next((task for most, task in SIZES_OF_TASKS if num_values <= most), LARGEST)
    return min(a, max(num_images, SIZES_OF_TASKS[0][1][0])), h
