"""Reads what wandb writes offline: a log in LevelDB's format, of protobuf messages."""

import json
from pathlib import Path
from typing import Any, NamedTuple

BLOCK, HEADER = 32768, 7
FULL, LAST = 1, 4


class OfflineRun(NamedTuple):
    """One offline run."""

    run_id: str
    config: dict[str, Any]
    rows: list[dict[str, Any]]
    exit_code: int | None


def read_run(folder: Path) -> OfflineRun:
    """Read the only .wandb file in a folder."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("*.wandb")
    run_id, config, rows, exit_code = "", {}, [], None
    for payload in read_payloads(path.read_bytes()):
        record = Record.FromString(payload)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run_id = record.run.run_id
            config |= read_items(record.run.config.update)
        elif kind == "config":
            config |= read_items(record.config.update)
        elif kind == "history":
            rows.append(read_items(record.history.item))
        elif kind == "exit":
            exit_code = record.exit.exit_code
    return OfflineRun(run_id, config, rows, exit_code)


def read_payloads(content: bytes):
    """Yield the records of a log; those that cross blocks are put together."""
    at, payload = HEADER, b""
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:  # no header fits into the rest of a block
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        payload += content[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (FULL, LAST):
            yield payload
            payload = b""


def read_items(items) -> dict[str, Any]:
    """Return the values by name; what is nested is a dict in a dict."""
    values: dict[str, Any] = {}
    for item in items:
        *outer, name = list(item.nested_key) or [item.key]
        place = values
        for key in outer:
            place = place.setdefault(key, {})
        place[name] = json.loads(item.value_json)
    return values
