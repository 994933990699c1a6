"""An event that comes long after its session left the shard, through the whole stack."""

import time
from contextlib import closing
from typing import Any

import httpx
import pytest

from cli.reconciling import reconciled
from cli.state_store import open_store
from rating.session import session_field
from schemas.ids import shard_of
from schemas.moment import DAY_MS, HOUR_MS, text_from_ms
from tests.e2e.conftest import LATE_TENANT, Whole, key_of
from tests.e2e.sending import settled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

T0_MS = 1_431_820_800_000  # 2015-05-17
WAIT_S = 90
LOOK_S = 0.1
WON = 1_000_000


class Caller:
    """A recorded tenant's content server."""

    def __init__(self, whole: Whole) -> None:
        headers = {"Authorization": f"Bearer {key_of(LATE_TENANT)}"}
        self._http = httpx.Client(base_url=whole.url, headers=headers, timeout=30)

    def send(self, *events: dict[str, Any]) -> None:
        """Posts CloudEvents; all must be taken."""
        answer = self._http.post("/v1/events", json=list(events))
        assert (answer.status_code, answer.json()["rejected"]) == (202, []), answer.text

    def declare(self, to_ms: int) -> None:
        """Moves the recording's clock on."""
        answer = self._http.post("/v1/clock", json={"to": text_from_ms(to_ms)})
        assert answer.status_code == 202, answer.text

    def ask(self, path: str) -> dict[str, Any]:
        """Reads; asks again where the answer says so, as after a part was killed."""
        deadline = time.monotonic() + WAIT_S
        while (answer := self._http.get(path)).status_code == 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(LOOK_S)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()


def _event(kind: str, name: str, at_ms: int, **data: object) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": name, "source": "site", "type": kind, "subject": "ann",
        "time": text_from_ms(at_ms), "data": {"session": "s", "content": "web", **data},
    }  # fmt: skip


def test_event_when_its_session_left_long_ago_then_the_verdict_restores_and_corrects_it(
    whole: Whole,
) -> None:
    """Looked up, given a verdict, merged, charged once; its way is told; the books agree."""
    with closing(Caller(whole)) as caller:
        caller.send(
            _event("session.start", "e1", T0_MS),
            _event("session.heartbeat", "e2", T0_MS + 60_000, meters={"bytes": 1_000}),
        )
        caller.declare(T0_MS + 2 * HOUR_MS)
        caller.declare(T0_MS + 40 * DAY_MS)
        # Two batches more: the session's bytes leave with the next one.
        for second in range(1, 4):
            caller.declare(T0_MS + 40 * DAY_MS + second * 1_000)
            with settled(whole):
                pass
        assert _is_forgotten(whole)
        late = _event("session.heartbeat", "e3", T0_MS + 90_000, meters={"bytes": 1_500})
        caller.send(late)
        caller.send(late)
        way = _await_verdicts(whole, caller)
        assert (way["status"], way["late"], way["duplicates"]) == ("accepted", 2, 1)
        assert (way["applied"]["duration_ms"], way["applied"]["meters"]) == (30_000, {"bytes": 500})
        assert (way["session"]["state"], way["session"]["cause"]) == ("closed", "idle")
        wallet = caller.ask("/v1/wallets/ann")
        assert wallet["posted_micros"] == -(45 * WON + 1_500)
    with settled(whole) as warehouse:
        revisions = warehouse.query(
            "SELECT incarnation, revision, end_ms, charged_micros FROM cdrs "
            f"WHERE tenant = '{LATE_TENANT}' ORDER BY revision"
        ).rows
        causes = warehouse.query(
            "SELECT DISTINCT cause, corrects >= 0 FROM ledger_entries "
            f"WHERE tenant = '{LATE_TENANT}' ORDER BY cause"
        ).rows
    assert revisions == [
        [1, 1, T0_MS + 60_000, 30 * WON + 1_000],
        [1, 2, T0_MS + 90_000, 45 * WON + 1_500],
    ]
    assert causes == [["charge", 0], ["correction", 1]]
    report = reconciled(whole.settings)
    assert (report.is_clean, report.findings) == (True, ())


def _is_forgotten(whole: Whole) -> bool:
    shard = shard_of(LATE_TENANT, "ann", whole.settings.shards)
    field = session_field(LATE_TENANT, "ann", "site", "s")
    with closing(open_store(whole.settings.redis)) as store:
        return not store.hexists(f"{{{shard}}}:closed", field)


def _await_verdicts(whole: Whole, caller: Caller) -> dict[str, Any]:
    """The event's way, once both of its copies have had their verdict."""
    deadline = time.monotonic() + WAIT_S
    while True:
        with settled(whole):
            way = caller.ask("/v1/events/site/e3?subject=ann")
        if way["status"] != "late" and way["duplicates"]:
            return way
        assert time.monotonic() < deadline, way
        time.sleep(LOOK_S)
