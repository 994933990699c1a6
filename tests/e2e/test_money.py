"""Money on a whole stack: members send each other some while workers are killed; holds stay."""

import asyncio
import logging
import random
import statistics
import time

import httpx
import pytest

from cli.reconciling import reconciled
from schemas.ids import shard_of
from tests.e2e.conftest import Whole, key_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WON = 1_000_000
MEMBERS = 12
ROUNDS = 20
EACH_WON = 1_000
BACK_S = 90
log = logging.getLogger(__name__)


class Desk:
    """Asks the API as a careful caller does: again with the same key until it is known."""

    def __init__(self, whole: Whole, http: httpx.AsyncClient) -> None:
        self._whole, self._http = whole, http
        self.waits: list[float] = []

    async def ask(self, path: str, key: str, body: dict[str, object] | None) -> httpx.Response:
        """The answer, once there is one that says how it ended."""
        headers = {"Authorization": f"Bearer {key_of('demo')}", "Idempotency-Key": key}
        began = time.monotonic()
        while True:
            try:
                answer = await self._http.post(
                    f"{self._whole.url}{path}", json=body, headers=headers, timeout=30
                )
            except httpx.TransportError:
                answer = httpx.Response(503)
            if answer.status_code not in {429, 503}:
                self.waits.append(time.monotonic() - began)
                return answer
            assert time.monotonic() < began + BACK_S, answer.text
            await asyncio.sleep(0.1)

    async def wallet(self, member: str) -> dict[str, int]:
        """A member's wallet."""
        headers = {"Authorization": f"Bearer {key_of('demo')}"}
        answer = await self._http.get(
            f"{self._whole.url}/v1/wallets/{member}", headers=headers, timeout=30
        )
        found: dict[str, int] = answer.json()
        return found


def _won(amount: int) -> dict[str, object]:
    return {"amount": str(amount), "currency": "KRW"}


async def _ring(whole: Whole) -> tuple[int, list[float]]:
    """Random transfers, four at a time, with two workers killed; what all have in the end."""
    chance = random.Random(7)
    members = [f"ring-{number}" for number in range(MEMBERS)]
    async with httpx.AsyncClient() as http:
        desk = Desk(whole, http)
        for member in members:
            path = f"/v1/wallets/{member}/top-ups"
            assert (await desk.ask(path, "first", _won(EACH_WON))).status_code == 201
        desk.waits.clear()
        turns = asyncio.Semaphore(4)

        async def send(number: int) -> int:
            sender, receiver = chance.sample(members, 2)
            body = _won(chance.randint(1, 300)) | {"from": sender, "to": receiver}
            async with turns:
                return (await desk.ask("/v1/transfers", f"t{number}", body)).status_code

        answers: list[int] = []
        for turn in range(ROUNDS):
            wave = range(turn * MEMBERS, (turn + 1) * MEMBERS)
            sent = [asyncio.create_task(send(number)) for number in wave]
            if turn in {5, 12}:
                await asyncio.sleep(0.02)
                whole.stack.kill(f"worker-{1 + turn % 2}")
            answers += await asyncio.gather(*sent)
        assert {*answers} <= {201, 422}
        assert answers.count(201) > ROUNDS
        posted = [(await desk.wallet(member))["posted_micros"] for member in members]
        return sum(posted), desk.waits


def test_transfers_when_workers_are_killed_among_them_then_no_won_is_lost_or_doubled(
    whole: Whole,
) -> None:
    """Whoever asked knows how it ended; all together have what they had, nothing is on its way."""
    shards = {shard_of("demo", f"ring-{n}", whole.settings.shards) for n in range(MEMBERS)}
    assert len(shards) > 1
    total, waits = asyncio.run(_ring(whole))
    assert total == MEMBERS * EACH_WON * WON
    log.info("transfer answered: p50 %.0f ms of %d", statistics.median(waits) * 1e3, len(waits))
    report = reconciled(whole.settings)
    assert (report.is_clean, report.findings, report.transit_micros) == (True, (), 0)


async def _hold(whole: Whole) -> dict[str, int]:
    async with httpx.AsyncClient() as http:
        desk = Desk(whole, http)
        assert (await desk.ask("/v1/wallets/gate/top-ups", "k", _won(100))).status_code == 201
        gift = _won(50) | {"bucket": "promotion", "only": {"contents": ["gym"]}}
        assert (await desk.ask("/v1/wallets/gate/credits", "g", gift)).status_code == 201
        body = _won(80) | {"member": "gate", "valid_for_s": 600, "content": "gym"}
        placed = await desk.ask("/v1/holds", "h", body)
        assert placed.status_code == 201
        name = placed.json()["hold"]["id"]
        for number in (1, 2):
            whole.stack.kill(f"worker-{number}")
        part: dict[str, object] = {"amount": "30", "final": False}
        taken = await desk.ask(f"/v1/holds/{name}/capture", "c1", part)
        assert taken.json()["hold"]["left_micros"] == 50 * WON
        last = await desk.ask(f"/v1/holds/{name}/capture", "c2", {"amount": "40"})
        assert last.json()["hold"]["state"] == "ended"
        again = await desk.ask(f"/v1/holds/{name}/capture", "c2", {"amount": "40"})
        assert again.json() == last.json()
        return await desk.wallet("gate")


def test_hold_when_all_workers_are_killed_before_the_capture_then_it_is_there(
    whole: Whole,
) -> None:
    """Of 150 won, 50 of them for the gym alone, 70 are captured: the gift first."""
    wallet = asyncio.run(_hold(whole))
    assert (wallet["posted_micros"], wallet["held_micros"]) == (80 * WON, 0)
    assert reconciled(whole.settings).is_clean


async def _grants(whole: Whole) -> dict[str, int]:
    async with httpx.AsyncClient() as http:
        desk = Desk(whole, http)
        await desk.ask("/v1/wallets/granted/top-ups", "first", _won(1_000))
        body: dict[str, object] = {"source": "e2e", "subject": "granted", "content": "archive"}
        wanted = {"wanted": [{"kind": "volume", "meter": "bytes", "units": 90_000_000}]}
        first = await desk.ask("/v1/sessions/g1/authorize", "g1-0", body | wanted)
        assert first.status_code == 200, first.text
        assert first.json()["held_micros"] == 80 * WON
        for number in (1, 2):
            whole.stack.kill(f"worker-{number}")
        used: dict[str, object] = {"meters": {"bytes": 60_000_000}}
        second = await desk.ask("/v1/sessions/g1/update", "g1-1", body | wanted | used)
        assert second.json()["charged_micros"] == 50 * WON
        assert second.json()["held_micros"] == 90 * WON
        whole.stack.kill("worker-1")
        used = {"meters": {"bytes": 70_000_000}}
        last = await desk.ask("/v1/sessions/g1/terminate", "g1-2", body | used)
        assert last.json()["charged_micros"] == 60 * WON
        again = await desk.ask("/v1/sessions/g1/terminate", "g1-2", body | used)
        assert again.json() == last.json()
        return await desk.wallet("granted")


def test_session_when_workers_are_killed_between_its_grants_then_all_is_charged_and_freed(
    whole: Whole,
) -> None:
    """The archive costs 1 won a million bytes above ten million: 60 won of 1,000."""
    wallet = asyncio.run(_grants(whole))
    assert (wallet["posted_micros"], wallet["held_micros"]) == (940 * WON, 0)
    assert reconciled(whole.settings).is_clean


async def _withdraw(whole: Whole) -> tuple[httpx.Response, httpx.Response, dict[str, int]]:
    async with httpx.AsyncClient() as http:
        desk = Desk(whole, http)
        assert (await desk.ask("/v1/wallets/drawn/top-ups", "k", _won(100))).status_code == 201
        headers = {"Authorization": f"Bearer {key_of('demo')}", "Idempotency-Key": "a1"}
        kept = await http.put(
            f"{whole.url}/v1/wallets/drawn/accounts/psp-31",
            json={"proved": True},
            headers=headers,
            timeout=30,
        )
        assert kept.status_code == 200, kept.text
        path = "/v1/wallets/drawn/withdrawals"
        bodies = [_won(won) | {"account": "psp-31"} for won in (70, 20)]
        for number, body in enumerate(bodies, 1):
            assert (await desk.ask(path, f"w{number}", body)).status_code == 201
            whole.stack.kill(f"worker-{number}")
        assert (await desk.ask(f"{path}/1/approve", "d1", None)).status_code == 200
        whole.stack.kill("worker-1")
        paid: dict[str, object] = {"reference": "bank-9"}
        first = await desk.ask(f"{path}/1/paid", "d2", paid)
        again = await desk.ask(f"{path}/1/paid", "d3", paid)
        back = await desk.ask(f"{path}/2/reject", "d4", {"reason": "not today"})
        assert back.status_code == 200, back.text
        return first, again, await desk.wallet("drawn")


def test_withdrawal_when_workers_are_killed_between_its_steps_then_it_is_paid_once(
    whole: Whole,
) -> None:
    """What was asked for is aside whoever dies; another that is rejected is in the wallet again."""
    first, again, wallet = asyncio.run(_withdraw(whole))
    assert (first.status_code, again.status_code) == (200, 409)
    assert wallet["posted_micros"] == 30 * WON
    report = reconciled(whole.settings)
    assert (report.is_clean, report.findings) == (True, ())
