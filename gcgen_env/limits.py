"""How many bytes compressed files may decode to, checked before the memory is taken."""

MAX_BYTES = 1 << 31
"""Default of `max_bytes`: 2 GiB for all images of a data set."""
SHARE = 16
"""A single picture may take one part in `SHARE` of the limit: 128 MiB, or 45 megapixels in RGB."""


def check_bytes(where: object, needed: int, max_bytes: int, share: int = 1) -> None:
    """Check what a source decodes to.

    Args:
        where: The source, for the message.
        needed: Bytes that it decodes to.
        max_bytes: The limit.
        share: The source may take one part in `share` of the limit.

    Raises:
        ValueError: If it takes more.
    """
    if needed * share > max_bytes:
        raise ValueError(
            f"{where}: decodes to {needed:,} bytes, more than the limit of "
            f"{max_bytes // share:,}; if you trust it, raise the limit with "
            f"max_bytes={needed * share} (--max-bytes on the command line)"
        )
