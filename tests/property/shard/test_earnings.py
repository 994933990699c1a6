"""Laws of earnings: any order, split, repeat and reload gives everybody the same money.

For tariffs of time and items with a cap of a day, a payee, a sponsor and points for who uses;
whether a session ended in an error is given as a fact.
"""

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rating.share import provider_share
from schemas.usage import UsageEvent
from tests.support.bench_shard import WON, event, frame, tick, top_up
from tests.support.earning import catalogue
from tests.support.pair import Pair

Splits = Sequence[tuple[int, bool]]
PAYEE = {"payee": "bob", "payee_shard": 1}


@st.composite
def usage(draw: st.DrawFn) -> list[UsageEvent]:
    """Events of a few sessions, and gifts outside them."""
    found: list[UsageEvent] = []
    for number in range(draw(st.integers(1, 12))):
        content = draw(st.sampled_from(["chat", "chat", "ads", "cashback"]))
        at_s = draw(st.integers(0, 40)) + draw(st.sampled_from([0, 0.001, 0.333]))
        said: dict[str, Any] = {"content": content, "id": f"e{number}"}
        if content == "chat":
            said |= draw(st.sampled_from([PAYEE, {}]))
        kind = draw(st.sampled_from(["session.heartbeat", "session.heartbeat", "item.use"]))
        if kind == "item.use":
            said["item"] = "rose"
        is_loose = kind == "item.use" and draw(st.booleans())
        said["session"] = None if is_loose else f"s-{content}"
        found.append(event(kind, at_s, **said))
    return found


def _played(events: Sequence[UsageEvent], splits: Splits, *, fails: bool) -> dict[str, int]:
    """What all accounts come to, once every leg is carried."""
    pair = Pair(catalogue())
    ann = pair.shards[0]
    ann.feed(top_up(10_000), tick(0))
    pair.shards[1].feed(top_up(1, member="bob"), tick(0))
    rest = list(events)
    for size, is_reloaded in (*splits, (len(rest), False)):
        if rest[:size]:
            ann.feed(frame(*rest[:size]))
        rest = rest[size:]
        if is_reloaded:
            ann.reload()
            pair.carry()
    named = dict.fromkeys(each.session for each in events if each.content == "chat")
    for session in named if fails else ():
        if session is not None:
            ann.feed(frame(event("session.error", 60, session=session, content="chat")))
    pair.carry()
    assert pair.transit() == 0
    sums: dict[str, int] = {}
    for shard in pair.shards:
        assert not shard.dead()
        for transfer in shard.transfers():
            assert sum(entry.amount_micros for entry in transfer.entries) == 0
            for entry in transfer.entries:
                account = entry.account
                if account.startswith("member/ann/"):
                    # Which of her money paid follows the order of the log.
                    account = "member/ann"
                sums[account] = sums.get(account, 0) + entry.amount_micros
    pair.close()
    return {account: amount for account, amount in sums.items() if amount}


SPLITS = st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=6)


@settings(max_examples=60, deadline=None)
@given(usage(), st.randoms(use_true_random=False), SPLITS, SPLITS, st.booleans())
def test_earnings_when_told_in_any_way_then_are_the_same(
    events: list[UsageEvent],
    chance: random.Random,
    one: Splits,
    other: Splits,
    fails: bool,  # noqa: FBT001 -- hypothesis gives them
) -> None:
    """A part of the whole is a part of the whole, however the whole was told."""
    shuffled = [*events, *events[::3]]
    chance.shuffle(shuffled)
    told = _played(events, one, fails=fails)
    assert _played(shuffled, other, fails=fails) == told
    earned = told.get("member/bob/cash", 0) - WON
    cost = dict.fromkeys(("s-chat", "loose"), 0)
    times = [e.event_at_ms for e in events if e.session == "s-chat"]
    if times and not fails:
        cost["s-chat"] = -(-(max(times) - min(times)) // 1_000) * 10 * WON
        cost["s-chat"] += (
            100 * WON * sum(e.session == "s-chat" and e.item is not None for e in events)
        )
    is_named = any(e.session == "s-chat" and e.payee for e in events)
    gifts = sum(e.session is None and e.payee is not None for e in events)
    own = provider_share(cost["s-chat"], 700_000) if is_named else 0
    assert earned == own + gifts * 70 * WON
