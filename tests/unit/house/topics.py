"""The list of topics as data: each has an owner, a schema that exists and an example that exists.

Owns: what an entry of ``infra/topics.yaml`` must have.
Invariant: a schema is either a Python name that can be imported or a file; an example is a file or
a folder with at least one JSON file.
Does not own: whether an example decodes; the contract suite of schemas does that.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

_KEYS = ("name", "owner", "schema", "example")


def topic_faults(document: object, root: Path) -> Iterator[str]:
    """Find what is missing or wrong in a list of topics.

    Args:
        document: the parsed YAML: a list of entries, alone or under the key ``topics``.
        root: the folder that its paths are relative to.

    Yields:
        One finding per fault, opening with the topic's name.
    """
    entries = _entries(document)
    if not entries:
        yield "no topics"
    for entry in entries:
        name = str(entry.get("name", "?"))
        for key in _KEYS:
            if not entry.get(key):
                yield f"{name}: no {key}"
        schema, example = entry.get("schema"), entry.get("example")
        if schema and not _schema_exists(str(schema), root):
            yield f"{name}: schema {schema} does not exist"
        if example and not _example_exists(str(example), root):
            yield f"{name}: example {example} does not exist"


def _entries(document: object) -> Sequence[Mapping[str, object]]:
    if isinstance(document, dict):
        document = cast("dict[str, object]", document).get("topics")
    return cast("list[dict[str, object]]", document) if isinstance(document, list) else []


def _schema_exists(schema: str, root: Path) -> bool:
    if "/" in schema:
        return (root / schema).is_file()
    module, _, attribute = schema.replace(":", ".").rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ImportError:
        return False


def _example_exists(example: str, root: Path) -> bool:
    place = root / example
    return place.is_file() or any(place.rglob("*.json"))
