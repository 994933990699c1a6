"""The example files of the topics, and how binary messages are written down in them.

Owns: finding the files; turning a struct into what a person can read.
Invariant: a binary example holds the message's bytes in hex and what they say, field by field.
Does not own: usage events as senders write them; the suites of ingest read those.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "examples"


def example_files(topic: str) -> list[Path]:
    """The example files of a topic, sorted; at least one.

    Args:
        topic: Such as ``shard.log.v1``.
    """
    files = sorted((FOLDER / topic / "1").glob("*.json"))
    assert files, f"no examples of {topic}"
    return files


def example_in(path: Path) -> dict[str, object]:
    """What an example file says."""
    return cast("dict[str, object]", json.loads(path.read_text(encoding="utf-8")))


def example_bytes(path: Path) -> bytes:
    """The message's bytes."""
    return bytes.fromhex(str(example_in(path)["bytes"]))


def readable(value: object) -> object:
    """A decoded value as the JSON of an example: structs by field name, bytes in hex."""
    if isinstance(value, msgspec.Struct):
        return {name: readable(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list | tuple):
        return [readable(each) for each in cast("list[object]", value)]
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        return {name: readable(each) for name, each in table.items()}
    return value
