"""What was granted is paid for: whoever uses no more of it, in time, leaves no debt."""

import random
from contextlib import closing
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import AskGrant, Command
from schemas.grants import Grant, Units
from schemas.moment import SECOND_MS
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, top_up
from tests.support.rich_tariffs import RICH, add_rich

SILENCES = [{"timeout_s": 90_000, "interval_s": 2}]
KINDS = [
    ("time", "s", 900), ("volume", "bytes", 2_000_000), ("item", "quiz", 9), ("item", "other", 9),
    ("page", "forward", 12), ("page", "backward", 12),
]  # fmt: skip
# A little before prices change, on any of the tariffs.
STARTS_S = (5, 15, 50, 86_390, 86_395 + 15, 32_405, 32_435, 172_795)


def catalogue() -> dict[str, Any]:
    """The rich tariffs, whose grants hold for a minute."""
    words = deepcopy(CATALOGUE)
    add_rich(words["tenants"][0], SILENCES)
    for tariff in words["tenants"][0]["tariffs"]:
        tariff["grants"] = {"valid_s": 60}
    return words


class Server:
    """Serves one session by grants alone, and uses up some or all of each."""

    def __init__(self, bench: Bench, content: str, session: str, at_ms: int) -> None:
        self.bench, self.content, self.session = bench, content, session
        self.now_ms = self.start_ms = at_ms
        self.bytes, self.asked, self.said = 0, 0, 0
        self.has_begun = False

    def ask(self, wanted: tuple[Units, ...]) -> Grant | None:
        """What it is granted, or None."""
        self.asked += 1
        key = f"{self.session}-{self.asked}"
        body = AskGrant(
            "vod", self.session, self.content, self.now_ms, wanted, is_initial=not self.has_begun
        )
        command = Command("tv", "ann", key, key.encode().ljust(16), 2**50, "server", body)
        self.bench.feed(command, stamp_ms=self.now_ms)
        result = self.bench.result(key)
        assert result is not None
        assert result.reason in {"", "insufficient-funds"}, result
        return result.grant

    def use(self, grant: Grant, chance: random.Random) -> None:
        """Uses up to all of a grant, at moments while it holds, and tells of it."""
        units = {(each.kind, each.meter): each.units for each in grant.units}
        seconds = units.get(("time", "s"))
        # Where time costs, no more of it than was granted; else as long as the grant holds.
        until_ms = min(self.now_ms + 1_000 * (59 if seconds is None else seconds), grant.expires_ms)
        until_ms = self.now_ms + (until_ms - self.now_ms) * chance.choice((1, 2, 3)) // 3
        if not self.has_begun:
            self.has_begun = True
            self._say("session.start", self.now_ms)
        moments = sorted(chance.randint(self.now_ms, until_ms) for _ in range(3))
        moves = [each for each in units.items() if each[0][0] in {"item", "page"}]
        for (kind, name), count in moves:
            for _ in range(count):
                at_ms = chance.choice(moments)
                if kind == "item":
                    self._say("item.use", at_ms, item=name, quantity=1)
                else:
                    self._say("page.move", at_ms, direction=name)
        grown = units.get(("volume", "bytes"), 0)
        first = chance.choice((0, grown // 3, grown))
        for at_ms, part in ((moments[0], first), (moments[-1], grown - first)):
            self.bytes += part
            self._say("session.heartbeat", at_ms, meters={"bytes": self.bytes})
        self.now_ms = until_ms
        self._say("session.heartbeat", until_ms)

    def _say(self, kind: str, at_ms: int, **data: Any) -> None:  # noqa: ANN401 -- fields of an event
        self.said += 1
        name = f"{self.session}-e{self.said}"
        data |= {"id": name, "session": self.session, "content": self.content}
        said = event(kind, at_ms / 1_000, **data)
        self.bench.feed(frame(said), stamp_ms=at_ms)


@settings(derandomize=True, deadline=None, database=None, max_examples=250)
@given(
    st.sampled_from([tariff["id"] for tariff in RICH]),
    st.sampled_from(STARTS_S),
    st.integers(1, 3_000),
    st.sets(st.sampled_from(KINDS), min_size=1),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_grant_when_no_more_than_it_is_used_then_there_is_no_debt(
    tariff: str,
    start_s: int,
    won: int,
    kinds: set[tuple[Any, str, int]],
    chance: random.Random,
) -> None:
    """By any tariff, around any boundary, alone or beside another session of the member."""
    with closing(Bench(catalogue())) as bench:
        bench.feed(top_up(won))
        servers = [
            Server(bench, f"{tariff}-p", "s1", start_s * SECOND_MS),
            Server(bench, f"{tariff}-q", "s2", start_s * SECOND_MS),
        ][: chance.randint(1, 2)]
        for _ in range(4):
            for server in servers:
                wanted = tuple(Units(k, m, chance.randint(1, n)) for k, m, n in sorted(kinds))
                grant = server.ask(wanted)
                if grant is None:
                    continue
                assert grant.held_micros <= won * WON
                server.use(grant, chance)
                wallet = bench.wallet()
                assert wallet is not None
                assert not wallet.debt_micros, (grant, wallet)
        assert not bench.dead()


@pytest.mark.parametrize("won", [1, 59, 60, 61, 100_000])
def test_grants_when_many_sessions_ask_then_no_more_is_set_aside_than_there_is(won: int) -> None:
    """Thirty sessions of one member, each for as much as all of it."""
    bench = Bench(catalogue())
    bench.feed(top_up(won))
    for number in range(30):
        server = Server(bench, "news", f"s{number}", 0)
        server.ask((Units("time", "s", 86_400),))
        wallet = bench.wallet()
        assert wallet is not None
        assert wallet.held_micros <= won * WON
    bench.close()
