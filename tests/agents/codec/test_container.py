"""The file of codes: everything that is wrong with it is found."""

import dataclasses

import pytest

from agents.codec.container import BITS, CHOICES, CodeFile

FILE = CodeFile(BITS, 1025, 8, "ab" * 16, (2**32 - 1, 7, 0, 1), b"abcdefgh", b"ijkl")


def test_a_file_comes_back():
    assert CodeFile.unpack(FILE.pack()) == FILE
    empty = dataclasses.replace(FILE, kind=CHOICES, checksums=(5, 6), choices=b"", residual=b"")
    assert CodeFile.unpack(empty.pack()) == empty


def test_every_truncated_file_is_refused():
    payload = FILE.pack()
    for length in range(len(payload)):
        with pytest.raises(ValueError, match=r"^x.gcz is (truncated|not a file of codes)"):
            CodeFile.unpack(payload[:length], "x.gcz")


def test_every_changed_byte_is_found():
    payload = FILE.pack()
    for place in range(len(payload)):
        changed = bytearray(payload)
        changed[place] ^= 0x10
        with pytest.raises(ValueError, match=r"^x.gcz ") as caught:
            CodeFile.unpack(bytes(changed), "x.gcz")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "is not a file of codes, which `gcgen compress` writes"),
        (b"\x89PNG\r\n", "is not a file of codes"),
        (FILE.pack() + b"0", "is damaged: its checksum is wrong"),
        (dataclasses.replace(FILE, num=0, checksums=()).pack(), "is damaged"),
        (dataclasses.replace(FILE, num=2**32 - 1).pack(), r"is truncated: it has 72 of 33\d{6} by"),
        (dataclasses.replace(FILE, kind=9).pack(), "is damaged"),
        (dataclasses.replace(FILE, choices=b"abc").pack(), "is damaged"),
        (b"GCGZ\x02" + FILE.pack()[5:], "has version 2 of the format, and this GCGen reads ver"),
    ],
)
def test_other_files_are_refused(payload, message):
    with pytest.raises(ValueError, match=message):
        CodeFile.unpack(payload)
