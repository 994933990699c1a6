"""What tariffs cost from when on, as catalogues announced it, for use that goes on.

Invariant: a catalogue adds only versions whose ``from`` is later than the moment at which it comes
into force, in place of those that earlier ones announced for then; so no catalogue changes a price
of the past, and what was announced may be withdrawn in time.
"""

from collections.abc import Iterator

import msgspec

from rating.catalogue import Catalogue, ContentTerms
from rating.compiling import in_zone
from rating.following import Announced, followed
from rating.session import Session
from schemas.ids import joined
from shard.state import ShardState

VERSIONS_MAX = 256


def announce(state: ShardState, number: int, stamp_ms: int) -> None:
    """Takes up what a catalogue announces that comes into force now.

    Args:
        state: Changed; has the catalogue.
        number: Its version.
        stamp_ms: The moment.
    """
    told = _announced_by(state.catalogues[number], number, stamp_ms)
    known = state.timelines.by_tariff
    timelines: dict[str, list[tuple[int, int]]] = {}
    for name in sorted({*known, *told}):
        stands = [each for each in known.get(name, []) if each[0] <= stamp_ms]
        timeline = (stands + told.get(name, []))[-VERSIONS_MAX:]
        if timeline:
            timelines[name] = timeline
    if timelines != known:
        state.timelines.by_tariff = timelines
        state.touch_timelines()


def numbers_after(state: ShardState, tenant: str, tariff: str, number: int) -> Iterator[int]:
    """Catalogue versions that say what use costs which was begun under an earlier one."""
    after_ms = replaced_ms(state, number)
    if after_ms is not None:
        for from_ms, announcer in state.timelines.by_tariff.get(joined(tenant, tariff), ()):
            if from_ms > after_ms:
                yield announcer


def missing_catalogues(state: ShardState, session: Session | None) -> list[int]:
    """Catalogues that price a session and are not in memory: its own, then those that follow it.

    Only once its own is there is it known which tariff, and so which catalogues follow.
    """
    number = 0 if session is None else session.catalogue
    if session is None or not number:
        return []
    own = state.catalogues.get(number)
    if own is None:
        return [number]
    tenant = own.tenant(session.tenant)
    terms = None if tenant is None else tenant.content(session.content)
    if terms is None or number == state.meta.catalogue:
        return []
    following = {
        each
        for priced in terms.each
        for each in numbers_after(state, session.tenant, priced.tariff.id, number)
    }
    return sorted(following - state.catalogues.keys())


def replaced_ms(state: ShardState, number: int) -> int | None:
    """When a catalogue was replaced; None while it is in force.

    Of those that a release before timelines took in the moment is not known; the next known one
    stands for it.
    """
    stamps = state.meta.stamps
    later = (stamps[n] for n in range(number + 1, state.meta.catalogue + 1) if n in stamps)
    return next(later, None)


def with_announced(state: ShardState, number: int, tenant: str, own: ContentTerms) -> ContentTerms:
    """Terms that a use was begun under, with the prices that were announced since, shadow's too.

    Args:
        state: Has the catalogues that ``numbers_after`` names.
        number: Catalogue version of the terms, not the latest.
        tenant: Whose.
        own: The terms.
    """
    terms = _with_announced(state, number, tenant, own)
    if own.shadow is None:
        return terms
    shadow = _with_announced(state, number, tenant, own.shadow)
    return terms if shadow is own.shadow else msgspec.structs.replace(terms, shadow=shadow)


def _with_announced(state: ShardState, number: int, tenant: str, own: ContentTerms) -> ContentTerms:
    timeline = state.timelines.by_tariff.get(joined(tenant, own.tariff.id))
    after_ms = replaced_ms(state, number)
    if after_ms is None or (timeline is None and len(own.tariff.froms) == 1):
        return own
    # Ids hold no such character, so a shadow's place is nobody else's.
    name = joined(own.id, "") if own.is_shadow else own.id
    place = (number, state.meta.catalogue, tenant, name)
    known = state.followed.get(place)
    if known is None:
        announced = [
            _version(state, announcer, tenant, own, from_ms)
            for from_ms, announcer in timeline or ()
            if from_ms > after_ms
        ]
        tariff = followed(own.tariff, after_ms, announced)
        known = state.followed[place] = msgspec.structs.replace(own, tariff=tariff)
    return known


def _version(
    state: ShardState, announcer: int, tenant: str, own: ContentTerms, from_ms: int
) -> Announced:
    terms = state.catalogues[announcer].tenants[tenant]
    tariff = in_zone(terms.tariffs[own.tariff.id], own.zone)
    return Announced(tariff, tariff.froms.index(from_ms))


def _announced_by(
    catalogue: Catalogue, number: int, stamp_ms: int
) -> dict[str, list[tuple[int, int]]]:
    return {
        joined(tenant.id, tariff.id): [
            (from_ms, number) for from_ms in tariff.froms[1:] if from_ms > stamp_ms
        ]
        for tenant in catalogue.tenants.values()
        for tariff in tenant.tariffs.values()
        if tariff.froms[-1] > stamp_ms
    }
