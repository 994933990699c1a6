"""Putting loaded values into a shard's memory.

Invariant: that there is no value is knowledge too, and is kept. It does not own what is loaded
(``shard.wants``) nor when (``shard.loading``).
"""

from rating.session import decode_session
from schemas.commands import Result
from shard.port import Field, Kind
from shard.state import ShardState
from shard.stored import Batch, Bought, Card, Counter, PassSold, Seen, Serials, decode_as
from wallet.consents import decode_consents
from wallet.wallet import decode_wallet

PAST = "past"


def take_in(state: ShardState, name: str, fields: list[Field], values: list[bytes | None]) -> None:
    """Puts loaded values, or the knowledge that there are none, into the state's memory."""
    for field, value in zip(fields, values, strict=True):
        key = field if isinstance(field, str) else field.decode()
        match name:
            case Kind.WALLETS:
                state.wallets[key] = None if value is None else decode_wallet(value)
            case Kind.CLOSED:
                state.sessions[key] = None if value is None else decode_session(value)
            case Kind.PASSES:
                state.passes[key] = None if value is None else decode_as(PassSold, value)
            case Kind.COUNTERS:
                state.counters[key] = None if value is None else decode_as(Counter, value)
            case Kind.BOUGHT:
                state.bought[key] = None if value is None else decode_as(Bought, value)
            case Kind.RESULTS:
                state.results[key] = None if value is None else decode_as(Result, value)
            case Kind.CONSENTS:
                state.consents[key] = None if value is None else decode_consents(value)
            case Kind.CARDS:
                state.cards[key] = None if value is None else decode_as(Card, value)
            case Kind.BATCHES:
                state.batches[key] = None if value is None else decode_as(Batch, value)
            case Kind.SERIALS:
                state.serials[key] = None if value is None else decode_as(Serials, value)
            case str() if name == PAST:
                state.past[key] = None if value is None else decode_session(value)
            case _:
                raise ValueError(f"nothing is loaded from {name!r}")


def take_in_ids(
    state: ShardState, name: str, keys: list[bytes], values: list[bytes | None]
) -> None:
    """The same for remembered event ids."""
    hour = state.ids.setdefault(name, {})
    for key, value in zip(keys, values, strict=True):
        hour[key] = None if value is None else decode_as(Seen, value)
