"""Events of wallets on their way to endpoints: who hears what, and none is left out."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from runtime.metrics import Metrics
from runtime.webhooks import Endpoint, checked_endpoints
from schemas.errors import UNREADABLE, InvalidDocument
from streams.webhooks.channels import SIGNALS, WALLET_EVENTS, Channel, channels_of
from streams.webhooks.ports import Failed, Pushed
from streams.webhooks.pushing import Pusher
from streams.webhooks.rounds import Rounds
from tests.support.receiver import SECRET
from tests.unit.streams.test_webhooks import LIMITS, Clock, Log, Table

EXAMPLES = Path("schemas/examples/wallet.events.v1/1")
DOWN = Failed("connect", "refused")


def endpoint(sources: tuple[str, ...], kinds: tuple[str, ...], tenant: str = "tv") -> Endpoint:
    """An endpoint of the tenant of the examples."""
    return Endpoint("hooks", tenant, sources, "http://localhost/", (SECRET,), kinds)


def top_up(number: int) -> Pushed:
    """The example top-up at an offset."""
    body = (EXAMPLES / "top-up.json").read_bytes()
    return WALLET_EVENTS.read(0, number, body)


def test_event_when_it_is_read_then_its_id_is_the_webhook_id() -> None:
    """What is sent is the message as it stands, under the event's own id."""
    event = top_up(4)
    assert event.name == msgspec.json.decode(event.body)["id"]
    assert (event.kind, event.about, event.offset) == ("top_up", ("", "", "ann"), 4)
    with pytest.raises(UNREADABLE):
        WALLET_EVENTS.read(0, 0, b"{}")


@pytest.mark.parametrize(
    ("kinds", "tenant", "is_heard"),
    [
        (("*",), "tv", True),
        (("top_up", "debt"), "tv", True),
        (("debt",), "tv", False),
        (("*",), "other", False),
    ],
)
def test_event_when_an_endpoint_names_kinds_then_it_gets_those(
    kinds: tuple[str, ...], tenant: str, *, is_heard: bool
) -> None:
    """Kinds and tenant decide which endpoint hears an event."""
    assert WALLET_EVENTS.hears(endpoint((), kinds, tenant), top_up(0)) is is_heard


@pytest.mark.parametrize(
    ("sources", "kinds", "channels"),
    [
        (("*",), (), [SIGNALS]),
        ((), ("debt",), [WALLET_EVENTS]),
        (("*",), ("debt",), [SIGNALS, WALLET_EVENTS]),
    ],
)
def test_endpoint_when_it_names_things_then_only_their_topics_are_read(
    sources: tuple[str, ...], kinds: tuple[str, ...], channels: list[Channel]
) -> None:
    """An endpoint reads no topic of which it wants nothing."""
    assert channels_of(endpoint(sources, kinds)) == channels


@pytest.mark.parametrize("kinds", [(), ("nothing",)])
def test_endpoint_when_it_wants_nothing_or_the_unknown_then_it_is_refused(
    kinds: tuple[str, ...],
) -> None:
    """No sources and no events, or a kind that there is not, is a mistake in the file."""
    with pytest.raises(InvalidDocument, match="wallet_events"):
        checked_endpoints([endpoint((), kinds)])


async def pushed(log: Log, answer: Callable[[Pushed, int], Failed | None]) -> Table:
    """Pushes events of wallets until the log is empty."""
    table, metrics, own = Table(answer), Metrics(), endpoint((), ("*",))
    pusher = Pusher(
        own,
        feed=log.feed,
        rounds=Rounds(own.id, table, metrics, LIMITS),
        clock=Clock(),
        metrics=metrics,
        limits=replace(LIMITS, give_up_ms=2**60),
        channel=WALLET_EVENTS,
    )
    running = asyncio.create_task(pusher.run())
    async with asyncio.timeout(20):
        await log.done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return table


async def test_events_when_the_endpoint_was_down_then_every_one_is_sent_in_order() -> None:
    """Unlike signals, no event of a member is left out for a newer one."""
    log = Log([top_up(number) for number in range(5)])
    table = await pushed(log, lambda _, tries: DOWN if tries < LIMITS.attempts + 1 else None)
    assert table.taken == [0, 1, 2, 3, 4]
    assert log.committed == 5
