"""The API as the demo's people use it: plain HTTP with a key."""

from http import HTTPStatus
from typing import Any, Self
from uuid import uuid4

import httpx

TIMEOUT_S = 15


class ApiClient:
    """One key's view of a running stack.

    Args:
        url: Of the edge.
        key: API key.
    """

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 -- JSON, read by the caller
        """The answer's JSON.

        Raises:
            httpx.HTTPStatusError: Not a success.
        """
        answer = self._http.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    def find(self, path: str, **query: str | int) -> Any | None:  # noqa: ANN401 -- as above
        """The answer's JSON, or None where there is nothing yet."""
        answer = self._http.get(path, params=query)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        answer.raise_for_status()
        return answer.json()

    def send_events(self, events: list[dict[str, object]]) -> dict[str, Any]:
        """Sends a batch of CloudEvents."""
        answer = self._http.post(
            "/v1/events",
            json=events,
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )
        answer.raise_for_status()
        accepted: dict[str, Any] = answer.json()
        return accepted

    def top_up(self, member: str, won: str, reference: str) -> Any:  # noqa: ANN401 -- as above
        """Puts money into a wallet and waits until it is there."""
        answer = self._http.post(
            f"/v1/wallets/{member}/top-ups",
            json={"amount": won, "currency": "KRW", "reference": reference},
            headers={"Idempotency-Key": uuid4().hex},
        )
        answer.raise_for_status()
        return answer.json()

    def spendable_micros(self, member: str) -> int:
        """What a member could spend now; less than zero is debt."""
        wallet = self.find(f"/v1/wallets/{member}")
        return 0 if wallet is None else int(wallet["available_micros"])
