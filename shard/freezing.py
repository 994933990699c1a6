"""Wallets that an operator has frozen: what they refuse.

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


def freeze(state: ShardState, command: Command, body: FreezeWallet, tenant: TenantTerms) -> None:
    """Freezes a wallet, says another reason, or lets it go; whoever was never seen has one then."""
    field = member_field(command.tenant, command.member)
    wallet = state.wallet(field) or new_wallet(command.tenant, command.member, tenant.currency)
    state.put_wallet(field, msgspec.structs.replace(wallet, frozen=body.reason))


def frozen_fault(wallet: Wallet) -> Refusal | None:
    """Why a wallet refuses what could wait, or None."""
    if not wallet.frozen:
        return None
    return Refusal("wallet-frozen", f"the wallet is frozen: {wallet.frozen}")
