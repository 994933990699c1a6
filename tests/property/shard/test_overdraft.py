"""How far a wallet goes into debt when its servers obey: never beyond what is published."""

import random
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up

RATE_WON = {"news": 30, "again": 1, "lost": 5}
MS = 1_000
# The tariffs charge by the whole second.
INCREMENT_MS = 1_000


class Server:
    """A content server that reports one session every so often, and obeys a little late."""

    def __init__(self, number: int, content: str, every_ms: int, late_ms: int) -> None:
        self.name, self.content = f"s{number}", content
        self.every_ms, self.late_ms = every_ms, late_ms
        self.next_ms, self.stops_ms = number, 2**60
        self.has_begun = self.has_ended = False

    def most(self, longest_ms: int) -> int:
        """What it may use until all have reported once more, and it has heard the signal."""
        return (longest_ms + self.late_ms + INCREMENT_MS) * RATE_WON[self.content] * WON // MS


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(RATE_WON)), st.integers(200, 8_000), st.integers(0, 3_000)
        ),
        min_size=1, max_size=12,
    ),
    st.integers(1, 2_000),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_debt_when_servers_obey_then_it_is_within_the_published_bound(
    kinds: list[tuple[str, int, int]], won: int, chance: random.Random
) -> None:
    """Any number of sessions at once, each with its own pace and its own delay."""
    servers = [Server(n, *kind) for n, kind in enumerate(kinds)]
    longest_ms = max(each.every_ms for each in servers)
    bound = sum(each.most(longest_ms) for each in servers)
    bench = Bench()
    bench.feed(top_up(won), tick(0))
    heard = 0
    for _ in range(400):
        server = min(
            (each for each in servers if not each.has_ended),
            key=lambda each: min(each.next_ms, each.stops_ms),
            default=None,
        )
        if server is None:
            break
        at_ms = min(server.next_ms, server.stops_ms)
        server.has_ended = at_ms == server.stops_ms
        kind = "start" if not server.has_begun else "stop" if server.has_ended else "heartbeat"
        server.has_begun = True
        said = event(
            f"session.{kind}", at_ms / MS, id=f"{server.name}-{at_ms}-{kind}",
            session=server.name, content=server.content,
        )  # fmt: skip
        bench.feed(frame(said))
        server.next_ms = at_ms + chance.randint(server.every_ms // 2, server.every_ms)
        signals = bench.signals()[heard:]
        heard += len(signals)
        for signal in signals:
            told = next(each for each in servers if each.name == signal.session)
            if signal.signal == "cut_off":
                told.stops_ms = min(told.stops_ms, at_ms + told.late_ms)
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.debt_micros <= bound
    assert bench.overdraft_micros() >= wallet.debt_micros
    bench.close()


@pytest.mark.parametrize(("limit", "expected"), [("0", 60), ("25", 35)])
def test_overdraft_when_seen_then_is_what_lies_beyond_the_credit(limit: str, expected: int) -> None:
    """The largest ever seen stays, whatever is paid since."""
    words = deepcopy(CATALOGUE)
    words["tenants"][0]["credit_limit"] = limit
    bench = Bench(words)
    bench.feed(frame(event("session.start", 0), event("session.heartbeat", 2)))
    bench.feed(top_up(1_000))
    assert bench.overdraft_micros() == expected * WON
    bench.close()
