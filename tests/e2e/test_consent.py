"""Consent on a whole stack: the documentation's example, mandates by curl, and both ways in."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schemas.moment import text_from_ms
from tests.e2e.asking import Asking, awaited
from tests.e2e.conftest import ASKING, SIGNING, Whole, key_of
from tests.e2e.sending import settled
from tests.support.issuing import Issuer
from tests.unit.house.tree import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SOURCE = "video-site"


@pytest.fixture
def asking(whole: Whole) -> Iterator[Asking]:
    """The tenant that asks for consent."""
    made = Asking(whole, ASKING)
    yield made
    made.http.close()


def event(kind: str, name: str, subject: str, at_s: int, **data: object) -> bytes:
    """An event, in a session of its subject's own unless it names another."""
    said: dict[str, Any] = {
        "id": name,
        "source": SOURCE,
        "type": kind,
        "subject": subject,
        "time": text_from_ms(at_s * 1_000),
        "data": {"session": f"s-{subject}", **data},
    }
    return json.dumps(said).encode()


def curl(whole: Whole, *words: str, path: str) -> dict[str, Any]:
    """What curl prints for a request with the tenant's key."""
    command = ["curl", "-sS", "-H", f"Authorization: Bearer {key_of(ASKING)}", *words]
    done = subprocess.run(
        [*command, f"{whole.url}{path}"], capture_output=True, text=True, timeout=60, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_example_of_the_documentation_when_run_then_begins_a_session(
    whole: Whole, asking: Asking, tmp_path: Path
) -> None:
    """Who follows docs/consent.md has a token and a session that began under it."""
    page = (ROOT / "docs" / "consent.md").read_text(encoding="utf-8")
    [program] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    signer = tmp_path / "signer.pem"
    signer.write_bytes(
        SIGNING.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    told = {
        "SIGNER": str(signer),
        "SESSION": "from-the-docs",
        "NCASH_URL": whole.url,
        "NCASH_KEY": key_of(ASKING),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith('202 {"accepted":1,"rejected":[]}'), done.stdout + done.stderr

    def began() -> bool | None:
        answer = asking.http.get(f"/v1/sessions/{SOURCE}/from-the-docs", params={"subject": "kim"})
        return True if answer.status_code == 200 else None

    assert awaited(began)


def test_mandate_when_granted_and_revoked_by_curl_then_next_sessions_are_refused(
    whole: Whole, asking: Asking
) -> None:
    """Granted, used, revoked: the running session is cut off, and nothing begins any more."""
    path, now_s = "/v1/wallets/ann/mandates/films", int(time.time())
    granted = curl(
        whole, "-X", "PUT", "-H", "Idempotency-Key: g1", "-H", "Content-Type: application/json",
        "-d", '{"contents": ["film"], "max": "5000"}', path=path,
    )  # fmt: skip
    assert not granted["is_revoked"]
    begun = event("session.start", "a1", "ann", now_s - 60, content="film", mandate="films")
    assert asking.post(begun, "application/json").json()["accepted"] == 1
    used = event("session.heartbeat", "a2", "ann", now_s - 30)
    assert asking.post(used, "application/json").json()["accepted"] == 1
    asking.await_posted("ann", -30_000_000)
    [mandate] = curl(whole, path="/v1/wallets/ann/mandates")["mandates"]
    assert (mandate["spent"], mandate["max"]) == ("30", "5000")
    revoked = curl(whole, "-X", "DELETE", "-H", "Idempotency-Key: r1", path=path)
    assert revoked["is_revoked"]
    again = event(
        "session.start", "a3", "ann", now_s - 5, session="s-next", content="film", mandate="films"
    )
    assert asking.post(again, "application/json").json()["accepted"] == 1
    assert asking.refusals(SOURCE, "a3", "ann") == ["consent-revoked"]


def test_token_when_sent_by_kafka_then_begins_a_session_and_a_forged_one_does_not(
    whole: Whole, asking: Asking
) -> None:
    """The Kafka path judges as HTTP does; nothing of a token reaches the warehouse."""
    now_s = int(time.time())
    issuer = Issuer(SIGNING, now_s - 100)
    token, forged = issuer.token(sub="lee", jti="j-lee"), issuer.token(sub="mallory")
    asking.produce(
        event("session.start", "k1", "lee", now_s - 60, content="film", consent=token),
        event("session.heartbeat", "k2", "lee", now_s - 30),
        event("session.start", "k3", "moe", now_s - 60, content="film", consent=forged),
        event("session.start", "k4", "moe", now_s - 50, content="film"),
    )
    asking.await_posted("lee", -30_000_000)
    assert asking.refusals(SOURCE, "k3", "moe") == ["token-invalid"]
    assert asking.refusals(SOURCE, "k4", "moe") == ["consent-missing"]
    asking.produce(event("session.stop", "k5", "lee", now_s - 20))
    asking.await_posted("lee", -40_000_000)
    with settled(whole) as warehouse:
        sql = "SELECT evidence FROM cdrs WHERE tenant = %(tenant)s AND subject = 'lee'"
        [row] = warehouse.query(sql, {"tenant": ASKING}).rows
        assert str(row[0]).endswith("; token:j-lee")
        letters = "SELECT body FROM ingest_dead_letters WHERE tenant = %(tenant)s"
        bodies = [str(row[0]) for row in warehouse.query(letters, {"tenant": ASKING}).rows]
    assert len(bodies) >= 2
    assert not any(part in body for body in bodies for part in forged.split("."))
