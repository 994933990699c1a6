"""A tariff's file: one tariff, or a whole catalogue, and what of it can be priced with.

Invariant: what comes out has passed production's own checks; nothing is checked here twice.
A single tariff is sold as whatever content the usage names, by a tenant of its own.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, cast

import msgspec

from rating.catalogue import Catalogue, compile_catalogue
from schemas.catalogue import CatalogueDocument, Tenant, document_from_json
from schemas.errors import UNREADABLE, InvalidDocument

TENANT = "dry-run"
PROVIDER = "provider"
_CONTENT = "any"
ZONE = "time_zone"


class TariffFile(NamedTuple):
    """What a file offers.

    Args:
        document: A catalogue; that of a single tariff has one tenant and one content.
        single: The tariff's id where the file holds one tariff.
    """

    document: CatalogueDocument
    single: str | None

    def catalogue(self, contents: Iterable[str]) -> Catalogue:
        """The catalogue to price with.

        Args:
            contents: What the usage names; a single tariff is sold as each of them.
        """
        document = self.document
        if self.single is not None:
            [tenant] = document.tenants
            [content] = tenant.contents
            sold = [msgspec.structs.replace(content, id=name) for name in sorted(contents)]
            document = CatalogueDocument([msgspec.structs.replace(tenant, contents=sold)])
        return compile_catalogue(document)

    def tenant_for(self, contents: Collection[str], asked: str) -> Tenant:
        """Whose terms price usage of these contents.

        Args:
            contents: What the usage names.
            asked: A tenant that was asked for, or empty.

        Raises:
            InvalidDocument: There is no such tenant, or several sell such contents.
        """
        tenants = self.document.tenants
        if self.single is not None and not asked:
            return tenants[0]
        names = ", ".join(tenant.id for tenant in tenants) or "none"
        if asked:
            found = [tenant for tenant in tenants if tenant.id == asked]
            if not found:
                raise InvalidDocument(
                    f"--tenant {asked}: the file has no such tenant; it has {names}"
                )
        elif len(tenants) == 1:
            found = tenants
        else:
            found = [each for each in tenants if {c.id for c in each.contents} & set(contents)]
        if len(found) != 1:
            raise InvalidDocument(
                f"{len(found)} of the tenants {names} sell what the usage names; choose one with "
                "--tenant"
            )
        return found[0]


def read_raw(path: Path) -> dict[str, Any]:
    """A file's JSON object, unchecked.

    Raises:
        InvalidDocument: It cannot be read, or holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise InvalidDocument(f"{path}: {error.strerror}") from error
    except UNREADABLE as error:
        raise InvalidDocument(f"{path}: no JSON object: {error}") from error


def is_catalogue(raw: dict[str, Any]) -> bool:
    """Whether the object is a whole catalogue; anything else is taken for one tariff."""
    return "tenants" in raw


def tariff_file(raw: dict[str, Any], *, currency: str) -> TariffFile:
    """What an object offers.

    Args:
        raw: Of a file; a single tariff may name a ``time_zone``.
        currency: Of a single tariff, which names none.

    Raises:
        InvalidDocument: It is no catalogue and no tariff; the first fault with its path.
    """
    if is_catalogue(raw):
        document = document_from_json(msgspec.json.encode(raw))
        compile_catalogue(document)
        return TariffFile(document, None)
    document = document_from_json(msgspec.json.encode(wrapped(raw, currency=currency)))
    compile_catalogue(document)
    return TariffFile(document, document.tenants[0].tariffs[0].id)


def wrapped(raw: dict[str, Any], *, currency: str) -> dict[str, Any]:
    """A catalogue that sells one content by this tariff."""
    tariff = {name: value for name, value in raw.items() if name != ZONE}
    content = {"id": _CONTENT, "provider": PROVIDER, "tariff": tariff.get("id", "")}
    zone = {ZONE: raw[ZONE]} if ZONE in raw else {}
    return {
        "tenants": [
            {
                "id": TENANT,
                "currency": currency,
                "tariffs": [tariff],
                "contents": [content | zone],
            }
        ]
    }


def object_in(value: object) -> dict[str, Any] | None:
    """A JSON object, or None where the value is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def list_in(value: object) -> list[Any] | None:
    """A JSON array, or None where the value is something else."""
    return value if _is_list(value) else None


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
