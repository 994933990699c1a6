"""The catalogues of a replay: production's versions as they were in force, and another one.

Invariant: prices, shares and what silence costs are left as they stand; only what decides where a
life begins and ends is taken out, since recorded use has its lives already.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from cli.tariffs.documents import ZONE, is_catalogue, list_in, object_in, read_raw
from rating.catalogue import Catalogue, compile_catalogue
from runtime.catalogue import CatalogueBodies
from runtime.settings import Settings
from schemas.catalogue import document_from_json
from schemas.errors import InvalidDocument

Raw = dict[str, Any]


def versions_in_force(settings: Settings) -> list[Raw]:
    """Production's catalogues, version 1 first, as the topic of bodies has them.

    Raises:
        InvalidDocument: No catalogue was ever published.
        RecoverableError: Kafka cannot be reached.
    """
    bodies = published(settings)
    if not bodies:
        raise InvalidDocument("no catalogue is in force: publish one, or name files by --in-force")
    return [msgspec.json.decode(body, type=Raw) for body in bodies]


def with_tariff(versions: Sequence[Raw], tenant: str, file: Path) -> list[Raw]:
    """Versions with one of a tenant's tariffs replaced, wherever they have it.

    So all other use is priced as it was, and what differs comes from this tariff alone.

    Args:
        versions: As they were in force; left as they are.
        tenant: Whose.
        file: The tariff; its id says which one it replaces.

    Raises:
        InvalidDocument: The file is no tariff, or the newest version has none of its id.
    """
    tariff = read_raw(file)
    if is_catalogue(tariff):
        raise InvalidDocument(f"{file}: a whole catalogue; name it by --catalogue")
    tariff.pop(ZONE, None)
    name = tariff.get("id")
    known = [each["id"] for each in tenant_of(versions[-1], tenant).get("tariffs", [])]
    if name not in known:
        raise InvalidDocument(
            f"{file}: id: tenant {tenant!r} has no tariff {name!r}; it has "
            f"{', '.join(known) or 'none'}"
        )
    changed: list[Raw] = msgspec.json.decode(msgspec.json.encode(versions), type=list[Raw])
    for raw in changed:
        tariffs = tenant_of(raw, tenant).get("tariffs", [])
        tariffs[:] = [tariff if each["id"] == name else each for each in tariffs]
    return changed


def tenant_of(raw: Raw, tenant: str) -> Raw:
    """A tenant's part of a catalogue.

    Raises:
        InvalidDocument: There is no such tenant.
    """
    for each in raw.get("tenants", []):
        if each.get("id") == tenant:
            found: Raw = each
            return found
    raise InvalidDocument(f"tenants: the catalogue has no tenant {tenant!r}")


def replayable(raw: Raw, tenant: str) -> Catalogue:
    """A tenant's terms, to price recorded lives with.

    Args:
        raw: A whole catalogue.
        tenant: Whose use is replayed; the others are left out.

    Raises:
        InvalidDocument: It is no catalogue, or has not the tenant.
    """
    document_from_json(msgspec.json.encode(raw))
    own = _with_lives_as_recorded(tenant_of(raw, tenant))
    terms = {**own, "membership": "open", "remember": "increments"}
    return compile_catalogue(document_from_json(msgspec.json.encode({"tenants": [terms]})))


def _with_lives_as_recorded(value: Any) -> Any:  # noqa: ANN401 -- any part of a JSON document
    """Use after an end goes on with its recorded life, wherever rules of silence stand."""
    fields, listed = object_in(value), list_in(value)
    if listed is not None:
        return [_with_lives_as_recorded(each) for each in listed]
    if fields is None:
        return value
    inner = {name: _with_lives_as_recorded(each) for name, each in fields.items()}
    silence = object_in(inner.get("silence"))
    if silence is not None:
        inner["silence"] = {**silence, "later": "reopens"}
    return inner


def published(settings: Settings) -> Sequence[bytes]:
    """The bodies of versions 1, 2, … of production's catalogue.

    Raises:
        RecoverableError: Kafka cannot be reached.
    """
    return asyncio.run(_bodies(settings))


async def _bodies(settings: Settings) -> Sequence[bytes]:
    bodies = CatalogueBodies(settings)
    bodies.start()
    try:
        await bodies.caught_up()
        return bodies.versions()
    finally:
        await bodies.close()
