"""How long from a send to the debit, measured while the recordings run.

A member of its own uses one item at a time over HTTP, and the wallet in Redis is watched until it
has changed. Closed loop: a slow answer delays the next question, so peaks are under-counted; the
benchmark has the open loop.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import closing

import redis

from cli.demo.api_client import ApiClient
from cli.state_store import open_store
from schemas.ids import joined, shard_of
from schemas.moment import text_from_ms

MEMBER = "probe"
EVERY_S = 0.1
POLL_S = 0.001
GIVE_UP_S = 30
WARM_UP = 5
_NS_PER_MS = 1_000_000


def percentile(samples: Sequence[int], hundredths: int) -> int:
    """The least sample that so many in a hundred do not pass, or -1 without any."""
    if not samples:
        return -1
    return sorted(samples)[max(1, -(-len(samples) * hundredths // 100)) - 1]


class DebitProbe:
    """Measures on a thread of its own between ``start`` and ``stop``.

    Args:
        url: Of the edge.
        key: Of the tenant ``demo``.
        store: Redis URL.
        shards: Stored number of shards.
    """

    def __init__(self, *, url: str, key: str, store: str, shards: int) -> None:
        self._url, self._key, self._store = url, key, store
        self._place = f"{{{shard_of('demo', MEMBER, shards)}}}:wallets"
        self._samples_ms: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="debit-probe", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; the last sample may be cut short."""
        self._stop.set()
        self._thread.join(GIVE_UP_S)

    def percentile_ms(self, hundredths: int) -> int:
        """A percentile of the samples, or -1 without any."""
        return percentile(list(self._samples_ms), hundredths)

    def _run(self) -> None:
        with (
            ApiClient(self._url, self._key) as api,
            closing(open_store(self._store)) as r,
        ):
            api.top_up(MEMBER, "1000000", "probe")
            for number in range(WARM_UP):
                self._debit(api, r, f"warm-{number}")
            self._samples_ms.clear()
            number = 0
            while not self._stop.wait(EVERY_S):
                number += 1
                self._debit(api, r, f"probe-{number}")

    def _debit(self, api: ApiClient, store: redis.Redis, name: str) -> None:
        field = joined("demo", MEMBER)
        before = store.hget(self._place, field)
        event_id = f"{name}-{time.time_ns()}"
        event: dict[str, object] = {
            "specversion": "1.0",
            "id": event_id,
            "source": "probe",
            "type": "item.use",
            "subject": MEMBER,
            "time": text_from_ms(time.time_ns() // _NS_PER_MS),
            "data": {"content": "channel-1", "item": "opening-quiz"},
        }
        began = time.monotonic_ns()
        api.send_events([event])
        while store.hget(self._place, field) == before:
            if self._stop.is_set() or time.monotonic_ns() - began > GIVE_UP_S * 10**9:
                return
            time.sleep(POLL_S)
        self._samples_ms.append((time.monotonic_ns() - began) // _NS_PER_MS)
