"""What was charged by a wrong price is priced anew, one session for each order.

Invariant: only prices change. When a session began and ended, what it used, whose it was and where
its provider is stay as they were decided; whatever else differs between both catalogues is refused
and nothing moves. From then on the session is priced as if it had begun under the other catalogue,
so an order that comes again, or truth that comes late, adds nothing wrong.
It does not own which sessions are to be corrected (``cli.tariffs``). Source: docs/adr/0017.
"""

from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms
from rating.components import ItemTerms, PageTerms
from rating.merging import learn_prices
from rating.session import Session, editable, past_field, session_field, totals
from rating.tariff import TariffTerms
from schemas.commands import Command, CorrectPrice
from schemas.errors import BrokenInvariant
from schemas.ledger import Cause
from shard.bought import cuts
from shard.cdrs import cdr_of
from shard.consenting import count_silent
from shard.emission import Emission
from shard.ending import evidence_of
from shard.lives import unsealed
from shard.refusal import Refusal
from shard.settling import (
    Pending,
    Settled,
    commit_session,
    settle_session,
    terms_of,
    wallet_of,
)
from shard.shadowing import learn_shadow_anew
from shard.state import ShardState

# Reason of an order whose session changed since it was looked up.
LOOK_AGAIN = "look-again"


class Found(NamedTuple):
    """The session that an order is about.

    Args:
        session: As it is held, or sealed.
        place: Where it is stored, None for the session's current life.
    """

    session: Session
    place: str | None


def correct_price(
    state: ShardState, command: Command, body: CorrectPrice, out: Emission
) -> int | Refusal:
    """Prices a session by another catalogue than the one that it was begun under.

    Args:
        state: Changed where it is not refused.
        command: From the log.
        body: Of it.
        out: Gets the correction, and the CDR of a session that had ended.

    Returns:
        Ledger sequence of the correction, or -1 where nothing moves; or why it cannot be.
    """
    found = _found(state, command, body)
    if isinstance(found, Refusal):
        return found
    session = found.session
    if session.catalogue == body.catalogue:
        return -1
    fault = _fault(state, session, body)
    if fault is not None:
        return fault
    twin = editable(session)
    twin.catalogue = body.catalogue
    terms = terms_of(state, twin)
    try:
        if terms is not None:
            learn_shadow_anew(twin, terms)
            learn_prices(twin, terms.tariff, cuts(state, twin, terms))
        settled = settle_session(
            state,
            wallet_of(state, twin.tenant, twin.member),
            twin,
            field=twin.field,
            place=found.place,
            is_late=True,
            pending=Pending(),
            since_ms=twin.start_ms,
            buys_passes=False,
        )
    except BrokenInvariant as broken:
        return Refusal("amount-too-large", str(broken))
    settled = _told(settled, command, body)
    before_micros = session.moved_micros
    sequence = commit_session(state, out, settled, twin, field=twin.field, place=found.place)
    count_silent(state, twin, before_micros)
    if not twin.is_open:
        evidence = f"{evidence_of(twin, terms)}; priced anew by correction {body.correction}"
        out.applied.append(cdr_of(state, twin, evidence))
    return sequence


def _found(state: ShardState, command: Command, body: CorrectPrice) -> Found | Refusal:
    field = session_field(command.tenant, command.member, body.source, body.session)
    current = state.session(field)
    if current is not None and current.incarnation == body.incarnation:
        return Found(current, None)
    place = past_field(field, body.incarnation)
    past = state.past_session(place)
    if past is not None:
        return Found(past, place)
    sealed = unsealed(body.sealed)
    name = f"session {body.session!r} #{body.incarnation} of {body.source!r}"
    if sealed is None or (sealed.field, sealed.incarnation) != (field, body.incarnation):
        return Refusal(
            "session-not-kept",
            f"{name} is not held any more, and its state was not kept with its CDR, or is of "
            "another release; correct its charge by hand",
        )
    if body.looked_up_to < state.domain(sealed.domain).late_floor:
        return Refusal(
            LOOK_AGAIN, f"{name} was looked up before what is known of it by now; look again"
        )
    return Found(sealed, place)


def _fault(state: ShardState, session: Session, body: CorrectPrice) -> Refusal | None:
    """Why a session cannot be priced by the other catalogue, if it cannot."""
    if session.catalogue > body.catalogue:
        detail = f"it is priced by catalogue {session.catalogue}, which is later"
        return Refusal("priced-later", detail)
    old = terms_of(state, session)
    catalogue = state.catalogues.get(body.catalogue)
    tenant = None if catalogue is None else catalogue.tenant(session.tenant)
    new = None if tenant is None else tenant.content(session.content)
    if old is None or new is None or body.catalogue > state.meta.catalogue:
        where = f"catalogue {body.catalogue}"
        return Refusal("content-unknown", f"{where} has no content {session.content!r}")
    currency = wallet_of(state, session.tenant, session.member).currency
    if tenant is not None and tenant.currency != currency:
        detail = f"the wallet is in {currency}, catalogue {body.catalogue} in {tenant.currency}"
        return Refusal("currency-mismatch", detail)
    if new.tariff.id != body.tariff or old.tariff.id not in {"", body.tariff}:
        detail = f"it is of tariff {old.tariff.id!r}, and would be of {new.tariff.id!r}"
        return Refusal("other-tariff", detail)
    kept = _kept(old, new)
    if kept:
        detail = f"{kept} would be another one; a correction changes prices alone"
        return Refusal("more-than-prices", detail)
    pairs = zip(old.each, new.each, strict=True)
    if not all(_is_told_apart(session, was.tariff, now.tariff) for was, now in pairs):
        return Refusal(
            "not-told-apart",
            "a price changes within the session, and when it counted what it did is not known so "
            "exactly; replay the session and correct its charge by hand",
        )
    return None


def _kept(old: ContentTerms, new: ContentTerms) -> str:
    """What differs that no correction may change, in words; empty where nothing does."""
    before, after = old.tariff, new.tariff
    pairs: list[tuple[str, object, object]] = [
        ("the provider", old.provider, new.provider),
        ("the time zone", old.zone.key, new.zone.key),
        ("the shadow tariff", _shadow(old), _shadow(new)),
        ("a pass", _passes(old), _passes(new)),
        ("what counts over periods", _rules(old), _rules(new)),
    ]
    if before.id:
        # Where there was no tariff, nothing was decided by one.
        pairs += [
            ("what silence means", _silence(before), _silence(after)),
            ("a limit", before.limits, after.limits),
            ("what an error costs", before.charge_errors, after.charge_errors),
            ("who pays", _payers(before), _payers(after)),
            ("what a member earns", before.earns, after.earns),
        ]
    return next((name for name, was, now in pairs if was != now), "")


def _shadow(terms: ContentTerms) -> str | None:
    return None if terms.shadow is None else terms.shadow.tariff.id


def _passes(terms: ContentTerms) -> list[tuple[object, ...]]:
    return [(each.tariff.has_passes, each.tariff.covers) for each in terms.each]


def _rules(terms: ContentTerms) -> list[tuple[object, ...]]:
    rules = [rule for each in terms.each for rule in each.tariff.rules]
    return [(rule.name, rule.kind, rule.cap, rule.track) for rule in rules]


def _silence(tariff: TariffTerms) -> tuple[object, ...]:
    return (
        tariff.timeout_ms, tariff.silence_cause, tariff.pays, tariff.interval_ms, tariff.reopens
    )  # fmt: skip


def _payers(tariff: TariffTerms) -> tuple[object, ...]:
    return tariff.paid_from, tariff.sponsor


def _is_told_apart(session: Session, old: TariffTerms, new: TariffTerms) -> bool:
    """Whether it is known what the session counted on each side of each change of price."""
    cuts = {each for each in new.froms if session.start_ms < each <= session.last_ms}
    meters = {meter for meter in totals(session) if meter in new.meters}
    used = range(new.version_at(session.start_ms), new.version_at(session.last_ms) + 1)
    is_steady = all(
        new.clocks[version].is_steady(session.start_ms, session.last_ms)
        for version in (used if new.clocks else ())
    )
    if (is_steady and not cuts) or not (meters or _has_counts(session, new)):
        return True
    # Of a meter without a price it was not noted when it counted.
    if not (cuts <= set(old.froms) and meters <= old.meters):
        return False
    return is_steady or all(_has_hours(session, old, new, version) for version in used)


def _has_hours(session: Session, old: TariffTerms, new: TariffTerms, version: int) -> bool:
    """Whether all hours that matter in a version mattered before too."""
    place = old.version_at(max(new.froms[version], session.start_ms))
    return set(new.weeks[version]) <= set(old.weeks[place] if old.weeks else ())


def _has_counts(session: Session, tariff: TariffTerms) -> bool:
    """Whether it counted items or pages, and the tariff asks anything for such."""
    kinds = {type(part) for track in tariff.tracks for part in track}
    return (bool(session.items) and ItemTerms in kinds) or (
        bool(session.pages) and PageTerms in kinds
    )


def _told(settled: Settled, command: Command, body: CorrectPrice) -> Settled:
    """The same with a transfer that says who ordered it, and why."""
    if settled.transfer is None:
        return settled
    transfer = msgspec.structs.replace(
        settled.transfer,
        cause=Cause.CORRECTION,
        key=command.key,
        reference=body.reason,
        actor=command.actor,
    )
    return settled._replace(transfer=transfer)
