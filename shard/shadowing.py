"""What a content's shadow tariff would charge: priced as the real one is, told apart, never moved.

Owns: shadow charges, and the counters and passes that only they look at. Invariant: the same use
under the same tariff comes to the same lines as production's, told at the same records; nothing
here changes a wallet, a transfer or a signal, and nothing that goes wrong here stops the real
charge: the scope loses its shadow and says so. It does not own prices (``rating``).
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms
from rating.merging import whole_of
from rating.passes import passes
from rating.price import Usage, price
from rating.scopes import brought_in
from rating.session import Session, billable, encode_session
from rating.shadow import Shadow, note_use, shadow_begun, shadow_learned, shadow_usage
from schemas.applied import SEALED_BYTES_MAX, ShadowCharge
from schemas.errors import BrokenInvariant, InvalidEvent, ShardStopped
from schemas.ledger import ChargeLine
from schemas.usage import UsageEvent
from shard.counters import NOTHING_MOVED, Owner, move, own_name
from shard.loose_price import LoosePrice
from shard.posting import NOTHING, Change, Charged, Scope, changed, charged_for, pass_field
from shard.state import ShardState
from shard.stored import Counter, PassSold
from wallet.wallet import Wallet

FAULT_CHARS_MAX = 300
UNPAID = -1


class ShadowDue(NamedTuple):
    """What a shadow came to, not yet part of the state.

    Args:
        charges: To be told.
        passes: Passes that count as bought, by field.
        counters: Of calendar periods, after it, by field.
        after: What the session holds of it then; None outside sessions.
    """

    charges: tuple[ShadowCharge, ...]
    passes: Mapping[str, PassSold]
    counters: Mapping[str, Counter]
    after: Shadow | None = None


class Trial(NamedTuple):
    """What is priced, by which terms, for whom.

    Args:
        state: Read only.
        wallet: Whose it would be; only its names are looked at.
        terms: The shadow's.
        scope: As the real charge names it.
        sold: Fields of passes that are about to count as bought.
        counters: Counters that are not yet part of the state.
    """

    state: ShardState
    wallet: Wallet
    terms: ContentTerms
    scope: Scope
    sold: AbstractSet[str] = frozenset()
    counters: Mapping[str, Counter] = {}


class Span(NamedTuple):
    """Which moments of a session's use matter.

    Args:
        since_ms: Nothing that was used before it has changed.
        use_ms: First and last moment for which passes count as bought; None: none does.
        until_ms: Passes of later periods are not.
    """

    since_ms: int
    use_ms: tuple[int, int] | None
    until_ms: int


def learn_shadow(session: Session, terms: ContentTerms) -> None:
    """Begins the shadow of an editable session whose content became known; before its tariff is."""
    if terms.shadow is None:
        return
    marks = {name: boot.marks for name, boot in session.boots.items()}
    try:
        session.shadow = shadow_begun(marks, session.counts, terms.shadow.tariff, session.start_ms)
    except BrokenInvariant as broken:
        session.shadow = Shadow(fault=_words(broken))


def learn_shadow_anew(session: Session, terms: ContentTerms) -> None:
    """Goes on with the shadow of an editable session by another version of its tariff."""
    if terms.shadow is None or session.shadow is None or session.shadow.is_dropped:
        return
    try:
        session.shadow = shadow_learned(session.shadow, terms.shadow.tariff, whole_of(session))
    except BrokenInvariant as broken:
        session.shadow.fault = _words(broken)


def note_shadow(
    session: Session, event: UsageEvent, terms: ContentTerms | None, sealed_ms: int
) -> None:
    """Notes an event for the shadow of an editable session, if it has one, before it is merged.

    Args:
        session: Changed where it has a shadow.
        event: Of it.
        terms: Of its content, None while that is unknown.
        sealed_ms: No event of an earlier moment is taken as in time any more.
    """
    shadow = session.shadow
    if shadow is None or shadow.fault or terms is None or terms.shadow is None:
        return
    boot = session.boots.get(event.boot or "")
    known = {} if boot is None else boot.meters
    start_ms = min(session.start_ms, event.event_at_ms)
    try:
        note_use(
            shadow, event, terms.shadow.tariff,
            known=known, start_ms=start_ms, sealed_ms=sealed_ms,
        )  # fmt: skip
    except (BrokenInvariant, InvalidEvent) as broken:
        shadow.fault = _words(broken)


def shadow_of_session(trial: Trial, session: Session, span: Span) -> ShadowDue | None:
    """What changes of a session's shadow.

    Args:
        trial: By what.
        session: As merged; not changed.
        span: What of it matters.

    Returns:
        None where it has lost its shadow.

    Raises:
        ShardStopped: Something was looked at that was never loaded.
    """
    before = session.shadow
    if before is None or before.is_dropped:
        return None

    def work() -> ShadowDue:
        if before.fault:
            raise BrokenInvariant(before.fault)
        usage = shadow_usage(before, billable(session, trial.terms.tariff), trial.terms.tariff)
        return _session(trial, before, usage, span)

    return _guarded(trial, work, before)


def shadow_of_loose(trial: Trial, events: list[UsageEvent]) -> ShadowDue:
    """What use outside sessions would cost.

    Args:
        trial: By what.
        events: Each a scope of its own.

    Raises:
        ShardStopped: Something was looked at that was never loaded.
    """
    return _guarded(trial, lambda: _loose(trial, events), None)


def note_pending(due: ShadowDue, sold: set[str], counters: dict[str, Counter]) -> None:
    """Notes what a shadow did for those that are settled together with it."""
    sold.update(due.passes)
    counters.update(due.counters)


def commit_shadow(state: ShardState, due: ShadowDue) -> tuple[ShadowCharge, ...]:
    """Makes a shadow's passes and counters part of the state; returns what is to be put out."""
    for field, sold in due.passes.items():
        state.put_pass(field, sold)
    for field, counter in due.counters.items():
        state.put_counter(field, counter)
    return due.charges


def sealed_state(session: Session) -> bytes:
    """A session's state for its CDR, without its shadow where both are too much; empty if need be.

    A late event that goes on from it finds what is owed, and then says that the shadow is lost.
    """
    sealed = encode_session(session)
    if len(sealed) > SEALED_BYTES_MAX and session.shadow is not None:
        bare = copy.copy(session)
        bare.shadow = Shadow(fault="its state was too large to be kept with its CDR")
        sealed = encode_session(bare)
    return sealed if len(sealed) <= SEALED_BYTES_MAX else b""


def _guarded(trial: Trial, work: Callable[[], ShadowDue], before: Shadow | None) -> ShadowDue:
    try:
        return work()
    except ShardStopped:
        raise
    except Exception as broken:  # noqa: BLE001 -- a trial must never cost a real charge (ADR 0016)
        fault = _words(broken)
        after = None if before is None else before.dropped(fault)
        return ShadowDue((_charge(trial, trial.scope, _NO_CHANGE, fault),), {}, {}, after)


_NO_CHANGE = Change((), 0, {})


def _words(broken: Exception) -> str:
    return f"{type(broken).__name__}: {broken}"[:FAULT_CHARS_MAX]


def _session(trial: Trial, before: Shadow, usage: Usage, span: Span) -> ShadowDue:
    tariff = trial.terms.tariff
    needed = [] if span.use_ms is None else [span.use_ms]
    charges, bought = _passes(trial, needed, span.until_ms)
    lines = price(tariff, usage)
    scopes, beside = before.scopes, NOTHING_MOVED
    if tariff.finest is not None:
        scopes = brought_in(tariff, usage, lines, before.scopes, span.since_ms)
        beside = move(trial.state, _owner(trial), before.scopes, scopes, trial.counters)
    old = Charged(before.lines, before.charged_micros, before.provider_micros)
    new = charged_for(lines, tariff)
    change = changed(old, new, trial.terms.provider, beside)
    if change is None:
        # As of real charges, what costs nothing is told with the next that does.
        is_same = lines == before.lines and not beside.changed
        after = before if is_same else msgspec.structs.replace(before, scopes=scopes)
        return ShadowDue(tuple(charges), bought, beside.untold(), after)
    after = msgspec.structs.replace(
        before,
        scopes=scopes,
        lines=new.lines,
        charged_micros=new.total_micros,
        provider_micros=new.provider_micros,
    )
    charges.append(_charge(trial, trial.scope, change))
    return ShadowDue(tuple(charges), bought, beside.told(), after)


def _loose(trial: Trial, events: list[UsageEvent]) -> ShadowDue:
    moments = [(event.event_at_ms, event.event_at_ms) for event in events]
    charges, bought = _passes(trial, moments)
    total = LoosePrice(trial.terms.tariff)
    for event in events:
        total.add(event)
    beside = move(trial.state, _owner(trial), {}, total.brought, trial.counters)
    change = changed(NOTHING, total.charged, trial.terms.provider, beside)
    if change is None:
        return ShadowDue(tuple(charges), bought, beside.untold())
    charges.append(_charge(trial, trial.scope, change))
    return ShadowDue(tuple(charges), bought, beside.told())


def _passes(
    trial: Trial, uses_ms: Iterable[tuple[int, int]], until_ms: int | None = None
) -> tuple[list[ShadowCharge], dict[str, PassSold]]:
    """Passes that the uses need and the member's shadow has not got."""
    charges: list[ShadowCharge] = []
    bought: dict[str, PassSold] = {}
    terms, tariff, wallet = trial.terms, trial.terms.tariff, trial.wallet
    for first_ms, last_ms in uses_ms if tariff.has_passes else ():
        for each in passes(tariff, first_ms, last_ms, terms.zone):
            if until_ms is not None and each.start_ms > until_ms:
                break
            kind = own_name(terms, each.kind)
            field = pass_field(wallet.tenant, wallet.member, tariff.id, kind, each.period)
            if field in bought or field in trial.sold or trial.state.pass_sold(field) is not None:
                continue
            line = ChargeLine("flat", each.period, 1, each.amount_micros, "", each.version)
            charge = _pass_charge(trial, line, each.start_ms)
            if charge is not None:
                bought[field] = PassSold(each.amount_micros, UNPAID, line)
                charges.append(charge)
    return charges, bought


def _pass_charge(trial: Trial, line: ChargeLine, start_ms: int) -> ShadowCharge | None:
    terms, tariff = trial.terms, trial.terms.tariff
    change = changed(NOTHING, charged_for((line,), tariff), terms.provider, NOTHING_MOVED)
    if change is None:
        return None
    scope = trial.scope._replace(
        name=f"pass:{tariff.id}:{line.meter}",
        source="",
        session="",
        incarnation=0,
        event_at_ms=start_ms,
    )
    return _charge(trial, scope, change)


def _charge(trial: Trial, scope: Scope, change: Change, fault: str = "") -> ShadowCharge:
    return ShadowCharge(
        tenant=trial.wallet.tenant,
        member=trial.wallet.member,
        source=scope.source,
        session=scope.session,
        incarnation=scope.incarnation,
        content=scope.content,
        tariff=trial.terms.tariff.id,
        catalogue=scope.catalogue,
        scope=scope.name,
        lines=list(change.lines),
        amount_micros=change.delta_micros,
        provider_micros=sum(change.parts.values()),
        event_at_ms=scope.event_at_ms,
        currency=trial.wallet.currency,
        fault=fault,
    )


def _owner(trial: Trial) -> Owner:
    return Owner(trial.wallet.tenant, trial.wallet.member, trial.terms, trial.scope.catalogue)
