"""What a new catalogue must keep: of the one in force, and of what the edges let in.

Invariant: members' money is bound to their tenant and its currency, so neither goes away by a
catalogue; and no event that an edge accepts is late by the tenant's horizon alone.
It does not own what a catalogue is (``schemas.catalogue``, ``rating.catalogue``). Pure.
"""

from schemas.catalogue import CatalogueDocument
from schemas.errors import InvalidDocument
from schemas.moment import HOUR_MS


def check_horizons(document: CatalogueDocument, allowance_past_ms: int) -> None:
    """Refuse a horizon under which an event that a live edge just accepted could be late.

    It holds for every tenant, recorded ones too: a catalogue does not know the keys, and a live key
    may be given out at any time.

    Args:
        document: To be published.
        allowance_past_ms: How old a live event may be.

    Raises:
        InvalidDocument: With the path, both figures and the mend.
    """
    least_h = -(-allowance_past_ms // HOUR_MS)
    for tenant in document.tenants:
        if tenant.horizon_h < least_h:
            raise InvalidDocument(
                f"tenants[{tenant.id}].horizon_h: {tenant.horizon_h} hours, but edges accept live "
                f"events {least_h} hours old, which would all be late; set at least {least_h}, or "
                "lower NCASH_ALLOWANCE_PAST_MS of every process first"
            )


def check_succession(before: CatalogueDocument, after: CatalogueDocument) -> None:
    """Refuse a catalogue that takes a known tenant or its currency away.

    Args:
        before: In force.
        after: To come after it.

    Raises:
        InvalidDocument: With the path and the mend.
    """
    currencies = {tenant.id: tenant.currency for tenant in after.tenants}
    for tenant in before.tenants:
        path, currency = f"tenants[{tenant.id}]", currencies.get(tenant.id)
        if currency is None:
            raise InvalidDocument(
                f"{path} is in force and missing here, though its members may have money: put it "
                "in again; to end its sales, leave its contents empty"
            )
        if currency != tenant.currency:
            raise InvalidDocument(
                f"{path}.currency: {currency}, but its wallets hold {tenant.currency}: set it "
                "back, and sell in another currency under another tenant"
            )
