"""The newest catalogue as the edge knows it, for the terms and prices that are shown.

Invariant: shown terms decide nothing; the shard decides by the version in its own log.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from rating.catalogue import Catalogue, TenantTerms


class Bodies(Protocol):
    """What this file needs of ``runtime.catalogue.CatalogueBodies``."""

    def in_force(self) -> Catalogue | None:
        """The newest version read so far."""
        ...

    def latest(self) -> tuple[int, str, bytes] | None:
        """Its number, digest and body."""
        ...


class _Tenant(msgspec.Struct):
    id: str
    tariffs: list[dict[str, Any]] = []


class _Written(msgspec.Struct):
    tenants: list[_Tenant]


_decoder = msgspec.json.Decoder(_Written)


class LatestTerms:
    """See ``api.ports.Terms``.

    Args:
        bodies: Of the process; this class never closes them.
    """

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._digest = ""
        self._written: dict[tuple[str, str], Mapping[str, object]] = {}

    def tenant(self, tenant: str) -> TenantTerms | None:
        """See ``api.ports.Terms``."""
        catalogue = self._bodies.in_force()
        return None if catalogue is None else catalogue.tenant(tenant)

    def written(
        self, tenant: str, tariff: str, *, version: int | None = None
    ) -> Mapping[str, object] | None:
        """See ``api.ports.Terms``. Read once for each version."""
        latest = self._bodies.latest()
        if latest is None:
            return None
        number, digest, body = latest
        if version not in {None, number}:
            return None
        if digest != self._digest:
            read = _decoder.decode(body)
            self._written = {
                (each.id, str(own["id"])): own for each in read.tenants for own in each.tariffs
            }
            self._digest = digest
        return self._written.get((tenant, tariff))
