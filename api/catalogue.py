"""The newest catalogue as the edge knows it, for the credit limits and currencies that are shown.

Invariant: shown terms decide nothing; the shard decides by the version in its own log.
"""

from typing import Protocol

from rating.catalogue import Catalogue, TenantTerms


class Bodies(Protocol):
    """What this file needs of ``runtime.catalogue.CatalogueBodies``."""

    def in_force(self) -> Catalogue | None:
        """The newest version read so far."""
        ...


class LatestTerms:
    """See ``api.ports.Terms``.

    Args:
        bodies: Of the process; this class never closes them.
    """

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies

    def tenant(self, tenant: str) -> TenantTerms | None:
        """See ``api.ports.Terms``."""
        catalogue = self._bodies.in_force()
        return None if catalogue is None else catalogue.tenant(tenant)
