"""Wallets that an operator has frozen, and members who have none: what is refused them.

Invariant: use that happens all the same is booked, and money that comes in is taken; only what
could wait for the operator is refused. That nothing is available is ``wallet.available``'s, so
sessions are cut off as they are without money.
"""

import msgspec

from rating.catalogue import TenantTerms
from schemas.commands import Command, FreezeWallet
from schemas.ids import member_field
from shard.refusal import Refusal
from shard.state import ShardState
from wallet.wallet import Wallet, new_wallet


def freeze(
    state: ShardState, command: Command, body: FreezeWallet, tenant: TenantTerms
) -> Refusal | None:
    """Freezes a wallet, says another reason, or lets it go; or why it does not.

    A member who was never seen has a wallet then, so it must be one.
    """
    wallet = wallet_or_fault(state, command, tenant)
    if isinstance(wallet, Refusal):
        return wallet
    field = member_field(command.tenant, command.member)
    state.put_wallet(field, msgspec.structs.replace(wallet, frozen=body.reason))
    return None


def wallet_or_fault(state: ShardState, command: Command, tenant: TenantTerms) -> Wallet | Refusal:
    """The wallet of who asks, empty where they never had one; or why they may have none."""
    known = state.wallet(member_field(command.tenant, command.member))
    fault = stranger_fault(tenant, command.member, known)
    return fault or known or new_wallet(command.tenant, command.member, tenant.currency)


def stranger_fault(tenant: TenantTerms, member: str, wallet: Wallet | None) -> Refusal | None:
    """Why somebody has no wallet and may not get one but by money, or None.

    As with use: whom the catalogue does not name has at least a wallet.
    """
    if wallet is not None or tenant.is_registered(member):
        return None
    return Refusal("member-unknown", f"{member!r} is no member of {tenant.id!r}")


def frozen_fault(wallet: Wallet) -> Refusal | None:
    """Why a wallet refuses what could wait, or None."""
    if not wallet.frozen:
        return None
    return Refusal("wallet-frozen", f"the wallet is frozen: {wallet.frozen}")
