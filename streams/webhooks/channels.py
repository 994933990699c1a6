"""What is pushed: signals about sessions, and events of wallets; each from its topic.

Invariant: a channel of an endpoint has a consumer group of its own, so neither waits for the other.
A signal may be left out for a newer one of its session; an event of a wallet never is.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from runtime.webhooks import Endpoint
from schemas.outputs import Stream
from schemas.wallet_events import event_id
from streams.webhooks.ports import Pushed


class _Signal(msgspec.Struct):
    shard: int
    sequence: int
    posted_at_ms: int
    tenant: str
    source: str
    session: str
    subject: str


class _Event(msgspec.Struct):
    shard: int
    sequence: int
    posted_at_ms: int
    tenant: str
    member: str
    kind: str


_signal = msgspec.json.Decoder(_Signal)
_event = msgspec.json.Decoder(_Event)


class Channel(NamedTuple):
    """One of the things that are pushed.

    Args:
        topic: Where they stand.
        group_prefix: Of the consumer group's name, before the endpoint's id.
        label: Behind the endpoint's id in metrics and logs.
        read: A message on its way, from partition, offset and bytes; raises ``UNREADABLE``.
        hears: Whether it is for an endpoint.
        is_superseded: Whether a newer one says what the ones before it said.
    """

    topic: str
    group_prefix: str
    label: str
    read: Callable[[int, int, bytes], Pushed]
    hears: Callable[[Endpoint, Pushed], bool]
    is_superseded: bool


def _read_signal(partition: int, offset: int, body: bytes) -> Pushed:
    words = _signal.decode(body)
    return Pushed(
        partition=partition,
        offset=offset,
        tenant=words.tenant,
        source=words.source,
        session=words.session,
        subject=words.subject,
        name=f"{words.shard}-{words.sequence}",
        posted_at_ms=words.posted_at_ms,
        body=body,
    )


def _read_event(partition: int, offset: int, body: bytes) -> Pushed:
    words = _event.decode(body)
    return Pushed(
        partition=partition,
        offset=offset,
        tenant=words.tenant,
        source="",
        session="",
        subject=words.member,
        name=event_id(words.shard, words.sequence),
        posted_at_ms=words.posted_at_ms,
        body=body,
        kind=words.kind,
    )


def _hears_signal(endpoint: Endpoint, pushed: Pushed) -> bool:
    return endpoint.hears(pushed.tenant, pushed.source)


def _hears_event(endpoint: Endpoint, pushed: Pushed) -> bool:
    return endpoint.hears_of_wallets(pushed.tenant, pushed.kind)


SIGNALS = Channel(
    Stream.CONTROL.value,
    "ncash-webhooks.",
    "",
    _read_signal,
    _hears_signal,
    is_superseded=True,
)
WALLET_EVENTS = Channel(
    Stream.WALLETS.value,
    "ncash-wallet-webhooks.",
    "/wallets",
    _read_event,
    _hears_event,
    is_superseded=False,
)


def channels_of(endpoint: Endpoint) -> list[Channel]:
    """What an endpoint wants."""
    wanted = ((SIGNALS, endpoint.sources), (WALLET_EVENTS, endpoint.wallet_events))
    return [channel for channel, names in wanted if names]
