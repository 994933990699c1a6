"""One of everything that a tenant can have: money, lots, a hold, a pass, a mandate, sessions."""

from dataclasses import dataclass
from typing import Any

from tests.contract.api.carding import make, pins
from tests.contract.api.conftest import Api, bearer
from tests.support.bench_shard import event, tick

TERMS: dict[str, Any] = {
    "valid_from": "1970-01-01T00:00:00.000Z",
    "valid_until": "2030-01-31T09:30:00.000Z",
}
SERIALS: dict[str, Any] = {"first": 1, "last": 3}


@dataclass(frozen=True)
class Names:
    """What the tenant calls what it has."""

    member: str = "ann"
    friend: str = "bob"
    source: str = "vod"
    session: str = "s1"
    closed: str = "s0"
    mandate: str = "films"
    token: str = "jti-1"
    word: str = "gift"
    batch: str = "spring"


async def let_have(api: Api, names: Names) -> dict[str, Any]:
    """Lets ``tv`` have one of everything.

    Args:
        api: A fresh system.
        names: Of what it has.

    Returns:
        Its hold, as the API shows it.
    """

    async def done(method: str, path: str, body: dict[str, Any] | None, key: str) -> dict[str, Any]:
        headers = bearer(key) | {"Idempotency-Key": f"own-{method}-{path}"}
        answer = await api.http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        said: dict[str, Any] = answer.json() if answer.content else {}
        return said

    member = f"/v1/wallets/{names.member}"
    money = {"currency": "KRW", "reference": names.word}
    await done("POST", f"{member}/top-ups", {"amount": "90000", **money}, "desk")
    gift = {"bucket": "promotion", "amount": "50", "currency": "KRW"}
    await done("POST", f"{member}/credits", gift, "desk")
    moved = {"from": names.member, "to": names.friend, "amount": "5", "currency": "KRW"}
    await done("POST", "/v1/transfers", moved, "desk")
    hold = {"member": names.member, "amount": "60", "currency": "KRW", "valid_for_s": 600}
    held = await done("POST", "/v1/holds", hold, "desk")
    await done("POST", f"{member}/passes", {"content": "club", "period": "day"}, "desk")
    await done("PUT", f"{member}/mandates/{names.mandate}", TERMS, "desk")
    said = {"subject": names.member, "source": names.source}
    await api.shards.use(
        event("session.start", 0, id="e0", session=names.closed, **said),
        event("session.stop", 5, id="e1", session=names.closed, **said),
        event("session.start", 20, id="e2", session=names.session, **said),
        event("session.heartbeat", 30, id="e3", session=names.session, **said),
    )
    await api.shards.everywhere(tick(40))
    await done("PUT", f"{member}/accounts/psp-31", {"proved": True}, "operator")
    asked = {"account": "psp-31", "amount": "1", "currency": "KRW"}
    await done("POST", f"{member}/withdrawals", asked, "desk")
    await make(api, pins(3), batch=names.batch)
    await done("POST", f"/v1/card-batches/{names.batch}/activations", SERIALS, "operator")
    said_of_hold: dict[str, Any] = held["hold"]
    return said_of_hold
