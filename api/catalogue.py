"""The newest catalogue as the edge knows it, for the credit limits and currencies that are shown.

Invariant: shown terms decide nothing; the shard decides by the version in its own log.
"""

from typing import Protocol

from rating.catalogue import Catalogue, TenantTerms, compile_catalogue
from schemas.catalogue import document_from_json


class Bodies(Protocol):
    """What this file needs of ``runtime.catalogue.CatalogueBodies``."""

    def latest(self) -> tuple[int, str, bytes] | None:
        """Number, digest and body of the newest version read so far."""
        ...


class LatestTerms:
    """See ``api.ports.Terms``.

    Args:
        bodies: Of the process; this class never closes them.
    """

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._compiled: tuple[str, Catalogue] | None = None

    def tenant(self, tenant: str) -> TenantTerms | None:
        """See ``api.ports.Terms``."""
        latest = self._bodies.latest()
        if latest is None:
            return None
        _, digest, body = latest
        if self._compiled is None or self._compiled[0] != digest:
            self._compiled = digest, compile_catalogue(document_from_json(body))
        return self._compiled[1].tenant(tenant)
