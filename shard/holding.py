"""Holds: placed where there is the money, captured in parts, released; see ``wallet.holds``.

Invariant: a hold is placed on what is available when its turn comes, so any number of callers at
once set aside no more than there is, and on nothing that ends before it. What was used is always
booked: a capture that comes after the hold has expired, while that is remembered, is taken even
into debt. Expiry is ``shard.waking``'s.
"""

from typing import NamedTuple

from rating.catalogue import TenantTerms
from rating.share import provider_share
from schemas.commands import CaptureHold, Command, PlaceHold, ReleaseHold
from schemas.errors import BrokenInvariant
from schemas.holds import REFERENCE_CHARS_MAX, VALID_MS_MAX, Hold
from schemas.ids import member_field
from schemas.ledger import PLATFORM, Cause, ChargeLine, Entry, Transfer, provider_account
from schemas.money import PPM, text_from_amount
from shard.emission import Emission
from shard.freezing import frozen_fault, wallet_or_fault
from shard.refusal import Refusal
from shard.state import ShardState
from shard.waking import wake_for
from wallet.available import available
from wallet.holds import HoldsTooMany, hold_of, with_captured, with_hold, without_hold
from wallet.lots import CAPTURE, Use
from wallet.moves import debit
from wallet.wallet import Wallet


class Held(NamedTuple):
    """A hold as it is after a command, and the ledger sequence of its transfer, or -1."""

    hold: Hold
    sequence: int


def place_hold(
    state: ShardState, command: Command, body: PlaceHold, out: Emission, tenant: TenantTerms
) -> Held | Refusal:
    """Sets money aside.

    Args:
        state: Changed where it is.
        command: From the log.
        body: Of it.
        out: Of the record.
        tenant: The member's tenant.
    """
    field = member_field(command.tenant, command.member)
    wallet = wallet_or_fault(state, command, tenant)
    if isinstance(wallet, Refusal):
        return wallet
    payee = _payee(tenant, body, out.record.stamp_ms)
    if isinstance(payee, Refusal):
        return payee
    provider, ppm = payee
    expires_ms = out.record.stamp_ms + body.valid_ms
    use = Use(expires_ms, body.content, provider, CAPTURE)
    left = available(wallet, tenant.credit_limit_micros(command.member), use)
    fault = _fault(body, wallet, left)
    if fault is not None:
        return fault
    hold = Hold(
        0, body.amount_micros, 0, expires_ms, body.content, provider, ppm, body.reference
    )  # fmt: skip
    try:
        after = with_hold(wallet, hold)
    except HoldsTooMany as many:
        return Refusal("holds-too-many", str(many))
    state.put_wallet(field, after)
    wake_for(state, field, after, tenant.horizon_ms)
    return Held(after.holds[-1], -1)


def capture_hold(
    state: ShardState, command: Command, body: CaptureHold, out: Emission, tenant: TenantTerms
) -> Held | Refusal:
    """Takes a part of a hold; see ``place_hold``."""
    field = member_field(command.tenant, command.member)
    wallet = state.wallet(field)
    hold = None if wallet is None else hold_of(wallet, body.hold)
    if wallet is None or hold is None:
        return _unknown(command, body.hold)
    amount = body.amount_micros
    if amount <= 0:
        return Refusal("amount-invalid", "what is captured is more than zero")
    if amount > hold.left_micros:
        left, asked = text_from_amount(hold.left_micros), text_from_amount(amount)
        detail = f"the hold has {left} {wallet.currency} left, {asked} are asked for"
        return Refusal("amount-too-large", detail)
    freed, taken = with_captured(wallet, hold, amount, is_final=body.is_final)
    use = Use(out.record.stamp_ms, hold.content, hold.provider, {"capture": amount})
    try:
        moved = debit(freed, amount, use)
    except BrokenInvariant as broken:
        return Refusal("balance-too-large", str(broken))
    state.put_wallet(field, moved.wallet)
    wake_for(state, field, moved.wallet, tenant.horizon_ms)
    ppm = hold.provider_ppm
    part = provider_share(taken.captured_micros, ppm) - provider_share(hold.captured_micros, ppm)
    entries = [*moved.entries]
    if part:
        entries.append(Entry(provider_account(hold.provider), part))
    if amount - part:
        entries.append(Entry(PLATFORM, amount - part))
    sequence = out.transfer(
        Transfer(
            tenant=command.tenant,
            member=command.member,
            cause=Cause.CAPTURE,
            currency=wallet.currency,
            entries=entries,
            lines=[ChargeLine("capture", "hold", 1, amount)],
            content=hold.content,
            scope=f"hold:{hold.id}",
            event_at_ms=out.record.stamp_ms,
            key=command.key,
            reference=hold.reference,
            actor=command.actor,
        )
    )
    return Held(taken, sequence)


def release_hold(
    state: ShardState, command: Command, body: ReleaseHold, tenant: TenantTerms
) -> Held | Refusal:
    """Frees what is left of a hold; of one that has expired, nothing comes any more."""
    field = member_field(command.tenant, command.member)
    wallet = state.wallet(field)
    hold = None if wallet is None else hold_of(wallet, body.hold)
    if wallet is None or hold is None:
        return _unknown(command, body.hold)
    after = without_hold(wallet, hold)
    state.put_wallet(field, after)
    wake_for(state, field, after, tenant.horizon_ms)
    return Held(hold, -1)


def _fault(body: PlaceHold, wallet: Wallet, left: int) -> Refusal | None:
    if body.amount_micros <= 0:
        return Refusal("amount-invalid", "what is held is more than zero")
    if body.currency != wallet.currency:
        detail = f"the wallet is in {wallet.currency}, the request in {body.currency}"
        return Refusal("currency-mismatch", detail)
    if not 0 < body.valid_ms <= VALID_MS_MAX:
        return Refusal("validity-invalid", f"a hold is valid for 1 to {VALID_MS_MAX} ms")
    if len(body.reference) > REFERENCE_CHARS_MAX:
        return Refusal("reference-invalid", f"at most {REFERENCE_CHARS_MAX} characters")
    if wallet.frozen:
        return frozen_fault(wallet)
    if left < body.amount_micros:
        there, asked = text_from_amount(max(left, 0)), text_from_amount(body.amount_micros)
        detail = f"{there} {wallet.currency} are available for it, {asked} are asked for"
        return Refusal("insufficient-funds", detail)
    return None


def _payee(tenant: TenantTerms, body: PlaceHold, at_ms: int) -> tuple[str, int] | Refusal:
    """Who is paid, and which part: of a content its provider, by the share in force."""
    if not body.content:
        return body.provider, PPM if body.provider else 0
    content = tenant.content(body.content)
    if content is None:
        return Refusal("content-unknown", f"tenant {tenant.id!r} has no content {body.content!r}")
    tariff = content.tariff
    return content.provider, tariff.versions[tariff.version_at(at_ms)].provider_ppm


def _unknown(command: Command, number: int) -> Refusal:
    detail = (
        f"member {command.member!r} has no hold {number}: it was captured or released, has expired "
        "too long ago, or never was"
    )
    return Refusal("hold-unknown", detail)
