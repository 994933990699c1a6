"""Where open sessions stand: in a session's own answer, and for the answer to events."""

import pytest

from api.redis_state import RedisState
from api.standings import LiveStandings
from schemas.control import SessionRef
from schemas.errors import RecoverableError
from shard.redis_store import open_redis
from tests.contract.api.conftest import Api
from tests.contract.api.redis_server import free_port
from tests.contract.api.shards import SHARDS
from tests.support.bench_shard import WON, event

ANN = SessionRef("vod", "s1", "ann")


def _standings(api: Api) -> LiveStandings:
    return LiveStandings(api.services.live, api.services.terms)


async def test_session_when_live_then_its_answer_tells_the_control(api: Api) -> None:
    """As money goes the same session is told to go on, is warned, cut off, and may go on again."""
    told: list[tuple[str, int]] = []
    await api.top_up("300")
    for at_s in (0, 7, 11):
        await api.shards.use(event("session.heartbeat", at_s))
        body = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
        told.append((body["control"]["signal"], body["control"]["available_micros"]))
        assert body["control"]["available"]["currency"] == "KRW"
        assert body["remaining_micros"] == body["control"]["available_micros"]
    await api.top_up("1000", name="k2")
    body = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    told.append((body["control"]["signal"], body["control"]["available_micros"]))
    assert told == [
        ("go_on", 300 * WON), ("low_balance", 90 * WON), ("cut_off", -30 * WON),
        ("go_on", 970 * WON),
    ]  # fmt: skip


async def test_session_when_closed_then_has_no_control(api: Api) -> None:
    """There is nothing left to be told, from either side."""
    await api.shards.use(event("session.start", 0), event("session.stop", 5))
    for params in ({"subject": "ann"}, {}):
        body = (await api.get("/v1/sessions/vod/s1", **params)).json()
        assert (body["state"], body["control"]) == ("closed", None)


async def test_standings_when_asked_of_many_then_only_open_ones_are_told_in_order(api: Api) -> None:
    """Sessions of any shard, in the order asked; closed, unknown and foreign ones are left out."""
    names = [SessionRef("vod", f"s{number}", f"m{number}") for number in range(20)]
    for name in names:
        await api.shards.use(event("session.start", 0, session=name.session, subject=name.subject))
    await api.shards.use(event("session.stop", 1, session="s3", subject="m3"))
    asked = [*reversed(names), SessionRef("vod", "s1", "m2"), SessionRef("other", "s1", "m1")]
    found = await _standings(api).standings("tv", asked)
    assert [each.of for each in found] == [each for each in reversed(names) if each.session != "s3"]
    assert {each.signal for each in found} == {"cut_off"}
    assert await _standings(api).standings("fm", asked) == []


async def test_standings_when_redis_is_away_then_says_so(api: Api) -> None:
    """The one who asks decides what to make of it; nothing is made up."""
    client = open_redis(f"redis://127.0.0.1:{free_port()}/0")
    away = LiveStandings(RedisState(client, SHARDS), api.services.terms)
    with pytest.raises(RecoverableError, match="Redis cannot be reached"):
        await away.standings("tv", [ANN])
    await client.aclose()


async def test_standings_when_redis_hangs_then_the_wait_is_bounded(api: Api) -> None:
    """A server that answers nothing costs the given time."""
    impatient = LiveStandings(api.services.live, api.services.terms, read_ms_max=0)
    with pytest.raises(RecoverableError, match="did not answer within 0 ms"):
        await impatient.standings("tv", [ANN])
