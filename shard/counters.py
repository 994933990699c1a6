"""What members' use comes to over calendar periods: caps and volumes that outlive a session.

Invariant: a counter is what all use of a member on one tariff has brought into one period, and
what was posted for it; whoever adds to it posts the difference, with every provider's part anew. A
period keeps the catalogue that it was begun under. It does not own the prices (``rating.scopes``).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms
from rating.difference import difference
from rating.periods import Span
from rating.scopes import (
    BroughtIn,
    calendar_of,
    longer_cap,
    period_lines,
    reach_ms,
    shared,
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


# By rule, then by the beginning of its period, then by provider.
Growth = dict[str, dict[int, dict[str, int]]]


class Owner(NamedTuple):
    """Whose counters: tenant and member, and the content that was used."""

    tenant: str
    member: str
    terms: ContentTerms


def counter_field(tenant: str, member: str, tariff: str, rule: str, period: str) -> str:
    """Storage field of a counter."""
    return joined(tenant, member, tariff, rule, period)


def counter_fields(owner: Owner, first_ms: int, last_ms: int) -> Iterator[str]:
    """Counters that use between two moments may add to.

    Args:
        owner: Whose.
        first_ms: UTC epoch milliseconds.
        last_ms: Likewise; what increments and supplements may reach is added here.

    Raises:
        BrokenInvariant: It spans more than ``rating.periods.PERIODS_MAX`` periods.
    """
    tariff = owner.terms.tariff
    if tariff.finest is None:
        return
    reach = reach_ms(tariff, last_ms)
    for rule in tariff.rules:
        for name in _touched(rule, first_ms, reach):
            yield counter_field(owner.tenant, owner.member, tariff.id, rule.name, name)


def fields_of_session(terms: ContentTerms, session: Session) -> Iterator[str]:
    """Counters that an end in silence may change: those it added to, and those it may reach."""
    owner = Owner(session.tenant, session.member, terms)
    yield from counter_fields(owner, session.last_ms, session.last_ms)
    for rule in terms.tariff.rules:
        for start_ms in session.scopes.get(rule.name, ()):
            period = calendar_of(rule).at(start_ms)
            yield counter_field(
                session.tenant, session.member, terms.tariff.id, rule.name, period.name
            )


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
        old, new = before.get(rule.name, {}), after.get(rule.name, {})
        for start_ms in sorted({*old, *new}):
            grown = new.get(start_ms, 0) - old.get(start_ms, 0)
            if grown:
                _grow(growth, rule, start_ms, {owner.terms.provider: grown})
    for rule in owner.terms.tariff.rules:
        for start_ms in sorted(growth.get(rule.name, {})):
            left = moving.add(rule, start_ms, growth[rule.name][start_ms])
            # What a day's cap takes back, the week's or month's has not got to count.
            longer = longer_cap(owner.terms.tariff, rule)
            if longer is not None:
                within = moving.period(longer, start_ms)
                _grow(growth, longer, within.start_ms, left)
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

    def add(self, rule: Rule, start_ms: int, grown: Mapping[str, int]) -> dict[str, int]:
        """Adds to one counter; returns by how much it changed what each provider brings in.

        Raises:
            BrokenInvariant: An amount is beyond the largest, or less than nothing is brought in.
        """
        period = self.period(rule, start_ms)
        tenant, member, tariff_id = (
            self._owner.tenant, self._owner.member, self._owner.terms.tariff.id,
        )  # fmt: skip
        field = counter_field(tenant, member, tariff_id, rule.name, period.name)
        known = self._pending.get(field) or self._state.counter(field) or self._new()
        tariff = _tariff(self._state, self._owner, known)
        brought = dict(known.brought)
        for provider, amount in grown.items():
            brought[provider] = checked(brought.get(provider, 0) + amount)
            if brought[provider] < 0:
                raise BrokenInvariant(f"{field!r}: {provider!r} brought in less than nothing")
        brought = {provider: amount for provider, amount in brought.items() if amount}
        lines, ppm = period_lines(tariff, rule.name, period, checked(sum(brought.values())))
        amounts = _shared(lines, brought)
        parts = {name: provider_share(amount, ppm) for name, amount in amounts.items()}
        self._tell(field, known, Counter(known.catalogue, brought, lines, parts))
        old_lines, _ = period_lines(tariff, rule.name, period, sum(known.brought.values()))
        before = _shared(old_lines, known.brought)
        return {
            name: amounts.get(name, 0) - before.get(name, 0) for name in sorted({*before, *amounts})
        }

    def _new(self) -> Counter:
        return Counter(self._state.meta.catalogue, {})

    def _tell(self, field: str, known: Counter, counter: Counter) -> None:
        self._changed[field] = (known, counter)
        self._lines.extend(difference(known.lines, counter.lines))
        for name in sorted({*known.parts, *counter.parts}):
            grown = counter.parts.get(name, 0) - known.parts.get(name, 0)
            self._providers[name] = self._providers.get(name, 0) + grown


def _shared(lines: tuple[ChargeLine, ...], brought: Mapping[str, int]) -> dict[str, int]:
    return shared(sum(line.amount_micros for line in lines), brought)


def _tariff(state: ShardState, owner: Owner, known: Counter) -> TariffTerms:
    """The tariff as the catalogue says it that the period was begun under."""
    tenant = state.catalogues[known.catalogue].tenant(owner.tenant)
    tariff = owner.terms.tariff
    return tariff if tenant is None else tenant.tariffs.get(tariff.id, tariff)


def _touched(rule: Rule, first_ms: int, last_ms: int) -> Iterable[str]:
    """Names of the periods between two moments."""
    calendar = calendar_of(rule)
    span = calendar.at(first_ms)
    if last_ms < span.end_ms:
        return (span.name,)
    return (period.name for period in calendar.touched(first_ms, last_ms))
