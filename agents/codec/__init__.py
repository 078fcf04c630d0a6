"""Files of codes, and edits of codes: what one does with the choices that make an image."""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.codec.codec import Decompressed, compress, decompress, pack_codes
    from agents.codec.edits import begin_from, change_choice, interpolate, resample_rest
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "Decompressed": "agents.codec.codec",
            "begin_from": "agents.codec.edits",
            "change_choice": "agents.codec.edits",
            "compress": "agents.codec.codec",
            "decompress": "agents.codec.codec",
            "interpolate": "agents.codec.edits",
            "pack_codes": "agents.codec.codec",
            "resample_rest": "agents.codec.edits",
        },
    )

__all__ = [
    "Decompressed",
    "begin_from",
    "change_choice",
    "compress",
    "decompress",
    "interpolate",
    "pack_codes",
    "resample_rest",
]
