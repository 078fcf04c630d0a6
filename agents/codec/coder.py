"""The range coder of the library `constriction`: symbols to bytes and back, first in, first out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.codec.frequencies import TOTAL

_WORD = np.dtype("<u4")
LEVELS = 256
"""Number of values of a byte."""


class Encoder:
    """Appends symbols to a stream."""

    def __init__(self) -> None:
        """Start an empty stream."""
        self._library = import_constriction()
        self._coder = self._library.stream.queue.RangeEncoder()

    def put_choices(self, symbols: NDArray[Any], frequency: NDArray[np.int64]) -> None:
        """Append N symbols of frequencies (N, A)."""
        self._coder.encode(symbols.astype(np.int32), _choices(self._library), frequency / TOTAL)

    def put_bits(self, bits: NDArray[Any], frequency: NDArray[np.int64]) -> None:
        """Append N bits; `frequency` (N,) is that of 1."""
        self._coder.encode(bits.astype(np.int32), _bits(self._library), frequency / TOTAL)

    def put_bytes(
        self, values: NDArray[Any], mean: NDArray[np.float64], sigma: NDArray[np.float64]
    ) -> None:
        """Append N bytes under discretised Gaussians of means and deviations (N,), in bytes."""
        self._coder.encode(values.astype(np.int32), _bytes(self._library), mean, sigma)

    def finish(self) -> bytes:
        """Return the stream."""
        return self._coder.get_compressed().astype(_WORD).tobytes()


class Decoder:
    """Reads symbols from a stream, in the order in which they were appended."""

    def __init__(self, stream: bytes) -> None:
        """Start at the first symbol of a stream, whose length is a multiple of 4 bytes."""
        self._library = import_constriction()
        words = np.frombuffer(stream, _WORD).astype(np.uint32)
        self._coder = self._library.stream.queue.RangeDecoder(words)

    def get_choices(self, frequency: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read N symbols of frequencies (N, A)."""
        return self._read(_choices(self._library), frequency / TOTAL)

    def get_bits(self, frequency: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read N bits; `frequency` (N,) is that of 1."""
        return self._read(_bits(self._library), frequency / TOTAL)

    def get_bytes(self, mean: NDArray[np.float64], sigma: NDArray[np.float64]) -> NDArray[np.int64]:
        """Read N bytes under discretised Gaussians of means and deviations (N,), in bytes."""
        return self._read(_bytes(self._library), mean, sigma)

    def _read(self, model: Any, *parameters: NDArray[np.float64]) -> NDArray[np.int64]:
        """Read one symbol for each row of the parameters.

        Raises:
            ValueError: If no encoder can have written this stream with these parameters.
        """
        try:
            symbols = self._coder.decode(model, *parameters)
        except AssertionError as error:  # how constriction says that data are invalid
            raise ValueError(str(error)) from error
        return np.asarray(symbols, np.int64)


def import_constriction() -> Any:
    """Return the library.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import constriction
    except ImportError as error:
        raise ValueError(
            "files of codes need the library constriction: pip install 'gcgen[codec]'"
        ) from error
    return constriction


# With perfect=False constriction derives whole numbers from dyadic fractions, so without rounding.
def _choices(library: Any) -> Any:
    return library.stream.model.Categorical(perfect=False)


def _bits(library: Any) -> Any:
    return library.stream.model.Bernoulli(perfect=False)


def _bytes(library: Any) -> Any:
    return library.stream.model.QuantizedGaussian(0, LEVELS - 1)
