"""Tariffs that go on for earlier use of a content which a later catalogue prices otherwise.

Use keeps the tariff that it was begun under, and the prices that later catalogues announce for that
tariff; so these may ask for passes and periods of which the content's own terms there say nothing.
Invariant: pure; what is found may be looked at by the step. It does not own the search (``wants``).
"""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from rating.catalogue import ContentTerms, TenantTerms
from rating.compiling import in_zone


def scoped_contents(tenants: Sequence[TenantTerms]) -> frozenset[str]:
    """Contents for whose use, however old, passes are sold or anything counts over periods.

    Args:
        tenants: One tenant's terms, by each catalogue that may matter.
    """
    scoped = frozenset[str]().union(*(each.scoped for each in tenants))
    found = frozenset[str]().union(
        *(each.with_passes | each.with_periods | each.with_sales for each in tenants)
    )
    for tenant in tenants:
        more = scoped - tenant.scoped
        if more:
            found |= {
                terms.id
                for terms in tenant.contents.values()
                if any(each.tariff.id in more for each in terms.each)
            }
    return found


def priced_elsewhere(
    tenants: Sequence[TenantTerms], contents: Collection[str]
) -> Iterator[ContentTerms]:
    """Terms of contents with tariffs that only another catalogue gives them.

    Args:
        tenants: One tenant's terms, by each catalogue that may matter.
        contents: Ids.

    Returns:
        Those with passes or periods; a content's own terms by each catalogue left out.
    """
    for name in contents:
        known = [tenant.content(name) for tenant in tenants]
        named = [_named(terms) for terms in known]
        if all(each == named[0] for each in named):
            continue
        for priced in (each for terms in known if terms is not None for each in terms.each):
            for tenant, own in zip(tenants, named, strict=True):
                tariff = priced.tariff.id
                if tariff in tenant.scoped and (tariff, priced.is_shadow) not in own:
                    bound = in_zone(tenant.tariffs[tariff], priced.zone)
                    yield msgspec.structs.replace(priced, tariff=bound)


def _named(terms: ContentTerms | None) -> set[tuple[str, bool]]:
    each = () if terms is None else terms.each
    return {(priced.tariff.id, priced.is_shadow) for priced in each}
