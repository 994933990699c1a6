"""A pass on a whole stack, by curl: bought, used, listed and cancelled."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.moment import text_from_ms
from tests.e2e.asking import BATCH, Asking
from tests.e2e.conftest import Whole, key_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.debian("curl")]
MEMBER = "gym-goer"
WON = 1_000_000


def _asked(whole: Whole, curl: Path, path: str, *words: str) -> dict[str, Any]:
    """What the API answers to curl."""
    done = subprocess.run(
        [
            str(curl), "-sS", "--fail-with-body", "--max-time", "30", *words,
            "-H", f"Authorization: Bearer {key_of('demo')}", f"{whole.url}{path}",
        ],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


def _posting(key: str, body: str) -> tuple[str, ...]:
    return (
        "-H", f"Idempotency-Key: {key}", "-H", "Content-Type: application/json", "-d", body,
    )  # fmt: skip


def _report(name: str, amount: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": "turnstile",
        "type": "usage.report",
        "subject": MEMBER,
        "time": text_from_ms(time.time_ns() // 1_000_000),
        "data": {"content": "gym", "meters": {"bytes": amount}},
    }


def test_pass_when_bought_on_a_whole_stack_then_use_inside_costs_nothing(
    whole: Whole, debian_service: Callable[[str], Path]
) -> None:
    """70 won before it, 100 for it, nothing inside it; its ledger entry says pass."""
    curl, wallet = debian_service("curl"), f"/v1/wallets/{MEMBER}"
    ask = Asking(whole, "demo")
    topped = _posting("gym-1", '{"amount": "500", "currency": "KRW"}')
    _asked(whole, curl, f"{wallet}/top-ups", *topped)
    assert ask.post(msgspec.json.encode([_report("in", 70)]), BATCH).status_code == 202
    ask.await_posted(MEMBER, 430 * WON)
    wish = _posting("gym-2", '{"content": "gym", "period": "day"}')
    done = _asked(whole, curl, f"{wallet}/passes", *wish)
    assert done["posted_micros"] == 330 * WON
    assert done["pass"]["renews"] is True
    assert _asked(whole, curl, f"{wallet}/passes", *wish) == done
    assert ask.post(msgspec.json.encode([_report("inside", 999)]), BATCH).status_code == 202
    number = done["pass"]["id"]
    stop = ("-X", "DELETE", "-H", "Idempotency-Key: gym-3")
    stopped = _asked(whole, curl, f"{wallet}/passes/{number}", *stop)
    assert stopped["pass"]["renews"] is False
    # The cancellation stands in the shard's log behind the use, so that is priced by now.
    assert stopped["posted_micros"] == ask.posted_micros(MEMBER) == 330 * WON
    (listed,) = _asked(whole, curl, f"{wallet}/passes")["passes"]
    assert (listed["id"], listed["state"], listed["renews"]) == (number, "running", False)
