"""The tariff document as a JSON schema and as a page, both made from its structs.

Invariant: what is published says what the structs say, in the words of their docstrings; a test
holds the files to it (``make docs`` writes them anew). In version 1 fields may be added.
"""

import sys
from typing import Any

import msgspec

from schemas import tariff
from schemas.tariff import Document, Tariff

SCHEMA_ID = "urn:ncash:schema:tariff:1"
_PARTS: tuple[type[msgspec.Struct], ...] = (
    Tariff,
    *(
        each
        for each in vars(tariff).values()
        if isinstance(each, type) and issubclass(each, Document) and each not in {Document, Tariff}
    ),
)


def tariff_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a tariff, each field described."""
    schema: dict[str, Any] = msgspec.json.schema(Tariff)
    for part in _PARTS:
        definition = schema["$defs"][part.__name__]
        definition["description"] = _summary(part)
        names = {field.name: field.encode_name for field in msgspec.structs.fields(part)}
        for name, meaning in _meanings(part).items():
            definition["properties"][names[name]]["description"] = meaning
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return head | {"title": "N-Cash tariff, version 1"} | schema


def tariff_page() -> str:
    """The same as a page of tables."""
    lines = [
        "# Fields of a tariff",
        "",
        "Made from `schemas/tariff.py` by `make docs`. What they come to is in",
        "[tariffs](tariffs.md); the JSON schema is `schemas/tariff.v1.schema.json`.",
    ]
    definitions = tariff_schema()["$defs"]
    for part in _PARTS:
        definition = definitions[part.__name__]
        kind = definition["properties"].get("kind", {}).get("enum", [None])[0]
        summary = definition["description"] + (f" `kind` is `{kind}`." if kind else "")
        lines += ["", f"## {part.__name__}", summary, ""]
        lines += ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
        required = definition.get("required", [])
        for name, field in definition["properties"].items():
            if name != "kind":
                default = "needed" if name in required else f"`{_json(field.get('default'))}`"
                meaning = field.get("description", "").replace("``", "`").replace("|", "\\|")
                lines.append(f"| `{name}` | {_type(field)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def schema_text() -> str:
    """The schema file's text."""
    return msgspec.json.format(msgspec.json.encode(tariff_schema()), indent=2).decode() + "\n"


def _summary(part: type[msgspec.Struct]) -> str:
    return " ".join((part.__doc__ or "").split("\n\n")[0].split())


def _meanings(part: type[msgspec.Struct]) -> dict[str, str]:
    """What the docstring says of each field."""
    _, _, arguments = (part.__doc__ or "").partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in arguments.splitlines():
        text = line.strip()
        head, colon, rest = text.partition(": ")
        if colon and head.isidentifier() and line.startswith(" " * 8) and line[8] != " ":
            name, text = head, rest
            found[name] = ""
        if name:
            found[name] = f"{found[name]} {text}".strip()
    return found


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in field:
        return " or ".join(f"`{_json(each)}`" for each in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("type") == "object":
        return f"text → {_type(field['additionalProperties'])}"
    return {"string": "text", "integer": "whole number"}.get(field["type"], str(field["type"]))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


if __name__ == "__main__":
    sys.stdout.write(schema_text() if sys.argv[1:] == ["schema"] else tariff_page())
