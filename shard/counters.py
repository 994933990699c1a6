"""What members' use comes to over calendar periods: caps and volumes that outlive a session.

Invariant: a counter is what all use of a member on one tariff has brought into one period, and
what was posted for it; whoever adds to it posts the difference, with every provider's part anew. A
period keeps the catalogue that it was begun under. It does not own the prices (``rating.scopes``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms
from rating.difference import difference
from rating.parts import SEALED_MS
from rating.periods import Calendar, Span
from rating.scopes import (
    BroughtIn,
    at_rate,
    calendar_of,
    longer_cap,
    of_rule,
    period_price,
    reach_ms,
)
from rating.session import Session
from rating.share import provider_share
from rating.tariff import Rule, TariffTerms
from schemas.errors import BrokenInvariant
from schemas.ids import joined
from schemas.ledger import ChargeLine
from schemas.money import checked
from shard.state import ShardState
from shard.stored import Counter

# No rule of a tariff and no calendar period begins so.
SHADOW = "shadow:"


class Moved(NamedTuple):
    """What changed of periods, to be posted with what changed it.

    Args:
        lines: Changes of their lines.
        total_micros: Sum of these.
        providers: Changes of providers' parts, by provider.
        changed: Counters before and after it, by field.
    """

    lines: tuple[ChargeLine, ...]
    total_micros: int
    providers: Mapping[str, int]
    changed: Mapping[str, tuple[Counter, Counter]]

    def told(self) -> dict[str, Counter]:
        """Counters after what they moved was posted."""
        return {field: counter for field, (_, counter) in self.changed.items()}

    def untold(self) -> dict[str, Counter]:
        """Counters where nothing was posted: what was told of them stands, as it is of sessions."""
        return {
            field: msgspec.structs.replace(counter, lines=old.lines, parts=old.parts)
            for field, (old, counter) in self.changed.items()
        }


NOTHING_MOVED = Moved((), 0, {}, {})


_NONE: Mapping[int, int] = {}
# By rule, then by the beginning of its period, then by provider and rate.
Growth = dict[str, dict[int, dict[str, int]]]


class Owner(NamedTuple):
    """Whose counters: tenant and member, the content that was used, and whose terms that has."""

    tenant: str
    member: str
    terms: ContentTerms
    catalogue: int


def counter_field(tenant: str, member: str, tariff: str, rule: str, period: str) -> str:
    """Storage field of a counter."""
    return joined(tenant, member, tariff, rule, period)


def own_name(terms: ContentTerms, name: str) -> str:
    """A rule's or a pass's name in the store: a shadow's own never meets the real one."""
    return f"{SHADOW}{name}" if terms.is_shadow else name


def counter_fields(
    owner: Owner, moments: Sequence[int], life: Session | None = None
) -> Iterator[str]:
    """Counters that use may add to, or take from.

    A stretch of more than ``rating.periods.PERIODS_MAX`` periods is left out, since nothing is ever
    brought into one; its ends are named.

    Args:
        owner: Whose.
        moments: Of the use, ascending; what increments and supplements may reach is added here.
        life: What was used before, all of which may be brought in anew; None for what is not a
            session, or is held already.
    """
    tariff = owner.terms.tariff
    for rule in tariff.rules:
        names = dict.fromkeys(_touched(tariff, rule, moments))
        if life is not None:
            names |= dict.fromkeys(_of_life(owner.terms, rule, life))
        for name in names:
            yield _field(owner, rule, name)


def fields_of_session(terms: ContentTerms, session: Session) -> Iterator[str]:
    """Counters that an end in silence may change: those it added to, and those it may reach.

    Prices that were announced since its last event may also bring in anew what it had counted.
    """
    owner = Owner(session.tenant, session.member, terms, session.catalogue)
    yield from counter_fields(owner, [session.last_ms], session)


def move(
    state: ShardState,
    owner: Owner,
    before: BroughtIn,
    after: BroughtIn,
    pending: Mapping[str, Counter],
) -> Moved:
    """Works out what a change of what was brought in changes of the periods.

    Args:
        state: Read only.
        owner: Whose, and of which content.
        before: What the use had brought in.
        after: What it brings in now.
        pending: Counters that are not yet part of the state.

    Raises:
        BrokenInvariant: An amount is beyond the largest.
    """
    if before == after:
        return NOTHING_MOVED
    moving = _Moving(state, owner, pending)
    growth: Growth = {}
    for rule in owner.terms.tariff.rules:
        old, new = of_rule(before, rule), of_rule(after, rule)
        for rate in sorted({*old, *new}):
            was, now = old.get(rate, _NONE), new.get(rate, _NONE)
            for start_ms in sorted({*was, *now}):
                grown = now.get(start_ms, 0) - was.get(start_ms, 0)
                if grown:
                    who = at_rate(owner.terms.provider, rate)
                    _grow(growth, rule, start_ms, {who: grown})
    for rule in owner.terms.tariff.rules:
        longer = longer_cap(owner.terms.tariff, rule)
        for start_ms in sorted(growth.get(rule.name, {})):
            left = moving.add(rule, start_ms, growth[rule.name][start_ms], longer)
            # What a day's cap takes back, the week's or month's has not got to count.
            if longer is not None:
                _grow(growth, longer, moving.period(longer, start_ms).start_ms, left)
    return moving.moved()


def _grow(growth: Growth, rule: Rule, start_ms: int, by_provider: Mapping[str, int]) -> None:
    known = growth.setdefault(rule.name, {}).setdefault(start_ms, {})
    for provider, grown in by_provider.items():
        known[provider] = known.get(provider, 0) + grown


class _Moving:
    """Counters in work, and what their changes move."""

    def __init__(self, state: ShardState, owner: Owner, pending: Mapping[str, Counter]) -> None:
        self._state, self._owner, self._pending = state, owner, pending
        self._lines: list[ChargeLine] = []
        self._providers: dict[str, int] = {}
        self._changed: dict[str, tuple[Counter, Counter]] = {}

    def moved(self) -> Moved:
        """All of it."""
        total = sum(line.amount_micros for line in self._lines)
        return Moved(tuple(self._lines), total, self._providers, self._changed)

    def period(self, rule: Rule, at_ms: int) -> Span:
        """The period of a rule that holds a moment."""
        return calendar_of(rule).at(at_ms)

    def add(
        self, rule: Rule, start_ms: int, grown: Mapping[str, int], longer: Rule | None
    ) -> dict[str, int]:
        """Adds to one counter.

        Returns:
            What of each provider's part of it the longer cap has not heard of yet: also what use
            under a catalogue without that one has changed.

        Raises:
            BrokenInvariant: An amount is beyond the largest.
        """
        period = self.period(rule, start_ms)
        field = _field(self._owner, rule, period.name)
        known = self._pending.get(field) or self._state.counter(field) or self._new()
        tariff = _tariff(self._state, self._owner, known)
        brought = dict(known.brought)
        for who, amount in grown.items():
            brought[who] = checked(brought.get(who, 0) + amount)
        brought = {who: amount for who, amount in brought.items() if amount}
        lines, amounts, ppm = period_price(tariff, rule.name, period, brought)
        parts = {name: provider_share(amount, ppm) for name, amount in amounts.items()}
        before: Mapping[str, int] = {}
        told = known.told
        if longer is not None:
            before, told = told.get(longer.name, {}), told | {longer.name: {**amounts}}
        self._tell(field, known, Counter(known.catalogue, brought, lines, parts, told))
        return {
            name: amounts.get(name, 0) - before.get(name, 0) for name in sorted({*before, *amounts})
        }

    def _new(self) -> Counter:
        """Under the catalogue in force; where that has not got the tariff, under the use's own."""
        state, owner = self._state, self._owner
        tenant = state.catalogues[state.meta.catalogue].tenant(owner.tenant)
        is_there = tenant is not None and owner.terms.tariff.id in tenant.tariffs
        return Counter(state.meta.catalogue if is_there else owner.catalogue, {})

    def _tell(self, field: str, known: Counter, counter: Counter) -> None:
        self._changed[field] = (known, counter)
        self._lines.extend(difference(known.lines, counter.lines))
        for name in sorted({*known.parts, *counter.parts}):
            grown = counter.parts.get(name, 0) - known.parts.get(name, 0)
            self._providers[name] = self._providers.get(name, 0) + grown


def _tariff(state: ShardState, owner: Owner, known: Counter) -> TariffTerms:
    """The tariff as the catalogue says it that the period was begun under."""
    tenant = state.catalogues[known.catalogue].tenant(owner.tenant)
    tariff = owner.terms.tariff
    return tariff if tenant is None else tenant.tariffs.get(tariff.id, tariff)


def _field(owner: Owner, rule: Rule, period: str) -> str:
    name = own_name(owner.terms, rule.name)
    return counter_field(owner.tenant, owner.member, owner.terms.tariff.id, name, period)


def _touched(tariff: TariffTerms, rule: Rule, moments: Sequence[int]) -> Iterable[str]:
    """Names of the periods between moments, where they are near enough to each other."""
    calendar = calendar_of(rule)
    whole = _names(calendar, moments[0], reach_ms(tariff, moments[-1]))
    if whole:
        return whole
    stretches = [*pairwise(moments), *((each, each) for each in moments)]
    return chain.from_iterable(
        _names(calendar, first_ms, reach_ms(tariff, last_ms)) or _names(calendar, last_ms, last_ms)
        for first_ms, last_ms in stretches
    )


def _names(calendar: Calendar, first_ms: int, last_ms: int) -> tuple[str, ...]:
    """Names of the periods of a stretch; nothing of one that no use may span."""
    try:
        span = calendar.at(first_ms)
        if last_ms < span.end_ms:
            return (span.name,)
        return tuple(period.name for period in calendar.touched(first_ms, last_ms))
    except BrokenInvariant:
        return ()


def _of_life(terms: ContentTerms, rule: Rule, life: Session) -> Iterator[str]:
    """Names of the periods that a life has brought into, or counted in."""
    scopes, marks, counts = life.scopes, [each.marks for each in life.boots.values()], life.counts
    if terms.is_shadow:
        if life.shadow is None:
            return
        scopes, counts = life.shadow.scopes, life.shadow.counts
        marks = [*life.shadow.marks.values()]
    starts = {at_ms for amounts in of_rule(scopes, rule).values() for at_ms in amounts}
    if rule.cap is None:
        starts |= {life.start_ms, *counts}
        starts |= {at_ms for by_segment in marks for at_ms in by_segment if at_ms != SEALED_MS}
    calendar = calendar_of(rule)
    for at_ms in sorted(starts):
        yield from _names(calendar, at_ms, at_ms)
