"""What stays in a wallet for its open sessions when money leaves it.

Invariant: read only. What holds need is ``wallet.available``'s.
"""

from schemas.buckets import Bucket
from shard.settling import terms_of
from shard.state import ShardState
from wallet.wallet import Wallet


def exposed(state: ShardState, wallet: Wallet) -> int:
    """What stays for open sessions that cash may pay: the balance at which their tariffs warn."""
    marks = 0
    for field in wallet.open_sessions:
        session = state.session(field)
        terms = None if session is None or not session.is_open else terms_of(state, session)
        if terms is None or not terms.tariff.costs_by_use:
            continue
        paid_from = terms.tariff.paid_from
        if not paid_from or Bucket.CASH in paid_from:
            marks += terms.tariff.low_balance_micros
    return marks
