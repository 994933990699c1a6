"""Grants: what a content server may deliver before it has, and the money that stands behind it.

Invariant: a grant is decided in its turn of the log, on what is available then; whoever delivers no
more than was granted, while it holds, leaves nothing unpaid. What is used all the same is booked.
Grants of one member's sessions share what there is: none is given more than an equal part of it,
unless that buys nothing. Source: RFC 8506; design, idea 9.
"""

from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms, TenantTerms
from rating.components import TimeTerms, VolumeTerms
from rating.session import Session, begin, session_field
from schemas.commands import AskGrant, Command, EndGrant
from schemas.errors import BrokenInvariant, InvalidEvent
from schemas.grants import AHEAD_MS_MAX, TIME_S_MAX, UNITS_MAX, WANTED_MAX, Grant, Units
from schemas.holds import Hold
from schemas.ids import LIVE, member_field
from schemas.moment import SECOND_MS
from schemas.money import AMOUNT_MAX, text_from_amount
from schemas.usage import EventType, UsageEvent
from shard.consenting import consenting_of, is_consent_over
from shard.emission import Emission
from shard.freezing import frozen_fault
from shard.limits import room_fault
from shard.refusal import Refusal
from shard.settling import check_currency, terms_of, wallet_of
from shard.sizing import Sized, Sizing
from shard.state import ShardState
from shard.using import use_by
from shard.waking import wake_for
from wallet.available import available
from wallet.holds import HoldsTooMany, with_grant, without_grant
from wallet.lots import Use
from wallet.wallet import Wallet


class _Asked(NamedTuple):
    """A session as it is, or as it would begin, with its terms."""

    session: Session
    terms: ContentTerms
    is_new: bool


def ask_grant(
    state: ShardState, command: Command, body: AskGrant, out: Emission, tenant: TenantTerms
) -> Grant | Refusal:
    """Grants what there is money for.

    Args:
        state: Changed where money is set aside, or let go.
        command: From the log.
        body: Of it.
        out: Of the record.
        tenant: The member's.
    """
    asked = _asked(state, command, body, tenant)
    if isinstance(asked, Refusal):
        return asked
    wanted = _wanted(body, asked)
    if isinstance(wanted, Refusal):
        return wanted
    session, terms, is_new = asked
    wallet = wallet_of(state, command.tenant, command.member)
    frozen = frozen_fault(wallet) if is_new and not terms.tariff.sponsor else None
    if frozen is not None:
        return frozen
    rules = terms.tariff.grants
    expires_ms = out.record.stamp_ms + rules.valid_ms
    kinds: dict[str, int] = dict.fromkeys([each.kind for each in wanted], 0)
    use = use_by(terms, expires_ms, session.field)._replace(kinds=kinds)
    free = _free(state, wallet, asked, use, tenant.credit_limit_micros(command.member))
    until_ms = max(expires_ms, session.last_ms + rules.valid_ms)
    if until_ms + TIME_S_MAX * SECOND_MS > body.at_ms + AHEAD_MS_MAX:
        # What lies further ahead was not looked for (``shard.wants``).
        return Refusal("use-impossible", "what is reported was so too long ago; say when it is now")
    try:
        sizing = Sizing(state, session, terms, until_ms, is_new=is_new)
    except BrokenInvariant as broken:
        return Refusal("use-impossible", str(broken))
    sized, is_final = _fair(state, wallet, asked, sizing, wanted, free)
    if is_new and not sized.is_something:
        detail = f"{text_from_amount(max(free, 0))} {wallet.currency} are available for it"
        return Refusal("insufficient-funds", f"{detail}, which buys nothing of what is wanted")
    held_micros = 0 if terms.tariff.sponsor else sized.cost_micros
    hold = Hold(
        0, held_micros, 0, expires_ms, session.content, terms.provider,
        session=session.field, valid_ms=rules.valid_ms, kinds=tuple(kinds),
        buckets=tuple(sorted(use.buckets)),
    )  # fmt: skip
    try:
        after = with_grant(wallet, hold)
    except HoldsTooMany as many:
        return Refusal("holds-too-many", str(many))
    field = member_field(command.tenant, command.member)
    if after is not wallet:
        state.put_wallet(field, after)
        wake_for(state, field, after, tenant.horizon_ms)
    return Grant(
        units=sized.units,
        held_micros=held_micros,
        expires_ms=expires_ms,
        is_final=is_final,
        charged_micros=session.moved_micros,
        threshold_percent=rules.threshold_percent,
        final_unit=rules.final_unit,
        redirect_to=rules.redirect_to,
        on_failure=rules.on_failure,
    )


def _free(state: ShardState, wallet: Wallet, asked: _Asked, use: Use, limit_micros: int) -> int:
    """What there is for a session; whatever it wants where a sponsor pays."""
    if is_consent_over(state, asked.session):
        return 0
    return AMOUNT_MAX if asked.terms.tariff.sponsor else available(wallet, limit_micros, use)


def beginning_of(command: Command, body: AskGrant) -> UsageEvent:
    """The event that begins a session which is asked for before it has; nobody has taken it in."""
    return UsageEvent(
        tenant=command.tenant,
        source=body.source,
        id="",
        type=EventType.START,
        subject=command.member,
        event_at_ms=body.at_ms,
        received_at_ms=0,
        recorded=False,
        digest=b"",
        session=body.session,
        content=body.content or None,
        consent=body.consent,
    )


def end_grant(state: ShardState, command: Command, body: EndGrant, tenant: TenantTerms) -> Grant:
    """Lets go of what was set aside for a session; what it has cost is told."""
    place = session_field(command.tenant, command.member, body.source, body.session)
    session = state.session(place)
    field = member_field(command.tenant, command.member)
    wallet = state.wallet(field)
    after = None if wallet is None else without_grant(wallet, place)
    if after is not None and after is not wallet:
        state.put_wallet(field, after)
        wake_for(state, field, after, tenant.horizon_ms)
    charged = 0 if session is None else session.moved_micros
    return Grant((), 0, 0, charged_micros=charged)


def _asked(
    state: ShardState, command: Command, body: AskGrant, tenant: TenantTerms
) -> _Asked | Refusal:
    """The session that is asked for, if it may go on, or begin."""
    place = session_field(command.tenant, command.member, body.source, body.session)
    session = state.session(place)
    if session is not None and session.is_open:
        return _going_on(state, body, session)
    if not body.is_initial:
        detail = f"session {body.session!r} of {body.source!r} is not open: authorize it first"
        return Refusal("session-not-open", detail)
    content = tenant.content(body.content)
    if content is None:
        detail = f"tenant {tenant.id!r} has no content {body.content!r}"
        return Refusal("content-unknown", detail)
    wallet = state.wallet(member_field(command.tenant, command.member))
    if not tenant.is_registered(command.member) and wallet is None:
        detail = f"{command.member!r} is no member of tenant {tenant.id!r}; register, or top up"
        return Refusal("member-unknown", detail)
    return _beginning(state, command, body, tenant, content)


def _going_on(state: ShardState, body: AskGrant, session: Session) -> _Asked | Refusal:
    if body.content and session.content and session.content != body.content:
        detail = f"session {session.session!r} is of content {session.content!r}"
        return Refusal("content-changed", f"{detail}; begin another for {body.content!r}")
    if session.domain != LIVE:
        return Refusal("clock-is-recorded", "a recording is over: nothing of it can be granted")
    terms = terms_of(state, session)
    if terms is None:
        detail = f"no event of session {session.session!r} has named its content yet"
        return Refusal("content-unknown", f"{detail}; send one that does")
    return _Asked(session, terms, is_new=False)


def _beginning(
    state: ShardState,
    command: Command,
    body: AskGrant,
    tenant: TenantTerms,
    content: ContentTerms,
) -> _Asked | Refusal:
    event = beginning_of(command, body)
    session = begin(event, path="", incarnation=0)
    consenting = consenting_of(state, tenant, command.member)
    fault = None if consenting is None else consenting.bind(session, event)
    if fault is not None:
        return Refusal(*fault)
    session.content, session.catalogue = body.content, state.meta.catalogue
    try:
        check_currency(tenant, wallet_of(state, command.tenant, command.member))
    except InvalidEvent as error:
        return Refusal(error.reason, error.detail)
    return room_fault(state, session) or _Asked(session, content, is_new=True)


def _wanted(body: AskGrant, asked: _Asked) -> tuple[Units, ...] | Refusal:
    """What is asked for; what the tariff says where nothing is, and time wherever that costs."""
    if len(body.wanted) > WANTED_MAX:
        return Refusal("units-invalid", f"at most {WANTED_MAX} things are wanted at once")
    for each in body.wanted:
        most = TIME_S_MAX if each.kind == "time" else UNITS_MAX
        if not 1 <= each.units <= most:
            return Refusal("units-invalid", f"{each.kind}: {each.units} is not 1 to {most}")
    tariff = asked.terms.tariff
    rules, wanted = tariff.grants, [*body.wanted]
    parts = tariff.versions[tariff.version_at(asked.session.last_ms)].components
    if not wanted:
        priced = {part.meter for part in parts if isinstance(part, VolumeTerms)}
        wanted = [Units("volume", name, n) for name, n in rules.units.items() if name in priced]
    costs_time = any(isinstance(part, TimeTerms) for part in parts)
    if costs_time and not any(each.kind == "time" for each in wanted):
        wanted.insert(0, Units("time", "s", rules.time_s))
    if not wanted:
        detail = f"tariff {tariff.id!r} does not say what to grant: name what is wanted"
        return Refusal("units-invalid", detail)
    return tuple(wanted)


def _fair(  # noqa: PLR0917 -- one rule's inputs, each of another type
    state: ShardState,
    wallet: Wallet,
    asked: _Asked,
    sizing: Sizing,
    wanted: tuple[Units, ...],
    free: int,
) -> tuple[Sized, bool]:
    """What a session gets of what is free, and whether there is no money for more.

    Args:
        state: Read only.
        wallet: Before; what stands behind the session's last grant is free.
        asked: The session.
        sizing: Knows what it costs.
        wanted: By it.
        free: What it could spend.
    """
    own, others = asked.session.field, 0
    for hold in wallet.holds:
        if hold.session and hold.session != own:
            others += hold.held_micros
    sharing = 1 + sum(1 for field in wallet.open_sessions if field != own and _costs(state, field))
    share = min(free, (free + others) // sharing)
    sized = sizing.within(wanted, share)
    if sized.is_whole:
        return sized, False
    more = sizing.within(wanted, free) if free > share else sized
    if not sized.is_something and more.is_something:
        sized = _least(sizing, more)
    return sized, sized.units == more.units and not more.is_whole


def _least(sizing: Sizing, more: Sized) -> Sized:
    """The least that is something: what a unit costs may buy more of them."""
    least = max(each.units for each in more.units)
    units = tuple(msgspec.structs.replace(u, units=-(-u.units // least)) for u in more.units)
    one = sizing.within(units, more.cost_micros)
    return sizing.within(more.units, one.cost_micros) if one.is_whole else more


def _costs(state: ShardState, field: str) -> bool:
    session = state.session(field)
    terms = None if session is None or not session.is_open else terms_of(state, session)
    return terms is not None and terms.tariff.costs_by_use
