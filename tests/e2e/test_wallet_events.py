"""Wallet events by webhook from a whole stack, with a worker killed in between."""

from pathlib import Path

import httpx
import msgspec
import pytest
from rich.console import Console

from cli.sample import CATALOGUE, sample_bytes
from cli.stacking import RunningStack, running_stack
from tests.support.receiver import SECRET, receiving

WAIT_S = 120
TRIES = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def _catalogue() -> bytes:
    """The sample, of whose wallets the tenant wants to know."""
    document = msgspec.json.decode(sample_bytes(CATALOGUE))
    for tenant in document["tenants"]:
        if tenant["id"] == "demo":
            tenant["wallet_events"] = {"low_balance": "1000"}
    return msgspec.json.encode(document)


def _post(up: RunningStack, path: str, key: str, body: dict[str, str]) -> None:
    """Asks again with the same key until it is known how it ended."""
    headers = {"Authorization": f"Bearer {up.keys['demo-admin']}", "Idempotency-Key": key}
    for _ in range(TRIES):
        answer = httpx.post(f"{up.url}{path}", json=body, headers=headers, timeout=30)
        if answer.is_success:
            return
        assert answer.status_code in {429, 503}, answer.text
    raise AssertionError(f"{path} was not answered in {TRIES} tries")


def test_receiver_when_a_worker_is_killed_in_between_then_every_event_comes(
    tmp_path: Path,
) -> None:
    """Top-up, transfer and low balance arrive; a repeat has the id and bytes of the first."""
    with receiving() as receiver:
        endpoint = {
            "id": "crm", "tenant": "demo", "sources": [], "url": receiver.url,
            "secrets": [SECRET], "wallet_events": ["top_up", "sent", "balance_low"],
        }  # fmt: skip
        (tmp_path / "webhooks.json").write_bytes(msgspec.json.encode([endpoint]))
        with running_stack(tmp_path, 1, Console(stderr=True), body=_catalogue()) as up:
            won = {"currency": "KRW"}
            _post(up, "/v1/wallets/eve/top-ups", "t", won | {"amount": "5000"})
            up.stack.kill("worker-1")
            _post(up, "/v1/transfers", "s", won | {"amount": "4500", "from": "eve", "to": "bob"})
            receiver.await_taken(3, WAIT_S)
    assert receiver.faults == []
    by_id = {each["id"]: each for each in receiver.bodies}
    assert all(by_id[each["id"]] == each for each in receiver.bodies)
    assert [each["kind"] for each in by_id.values()] == ["top_up", "sent", "balance_low"]
    assert set(receiver.taken) == set(by_id)
