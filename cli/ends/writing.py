"""Plays what the corpus plans for collectors, in the order of time.

Invariant: a deed is done at its time; of several at one time the one that was planned first is. It
does not own what a collector does (``logs``).
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count

import msgspec

from cli.ends.corpus.market import TENANTS
from cli.ends.corpus.plan import Appended, RawLife, Request, Scene
from cli.ends.logs import HttpProcess, Logs, RawProcess, raw_message
from ingest.forward import RawMessage
from runtime.keys import ApiKey, KeyRing, digest_of_key

POLL_MS = 250
BEAT_MS = 250
Deed = Callable[[], Awaitable[None]]


def write_logs(scene: Scene) -> Logs:
    """The logs of a scene's shards as its collectors leave them."""
    return asyncio.run(_Writing(scene).written())


class _Writing:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._logs = Logs(scene)
        self._deeds: list[tuple[int, int, Deed]] = []
        self._count = count()
        self._keys = {
            name: ApiKey(name, digest_of_key(name), name, ("*",), ("usage:write",))
            for name in TENANTS
        }
        self._ring = KeyRing(self._keys.values())
        self._http = {life.name: HttpProcess(self._logs, life) for life in scene.collectors}
        self._topic: dict[int, list[RawMessage]] = {each.partition: [] for each in scene.readers}

    async def written(self) -> Logs:
        scene = self._scene
        for raw in scene.appended:
            self._plan(raw.at_ms, partial(self._append, raw))
        for request in scene.requests:
            self._plan(request.received_ms, partial(self._take, request))
        for process in self._http.values():
            self._plan(process.life.opens_ms, partial(self._beat, process))
        for reader in scene.readers:
            first_ms = scene.begins_ms + reader.partition
            self._plan(first_ms, partial(self._poll, self._reader(reader), 0))
        while self._deeds and self._deeds[0][0] <= scene.ends_ms:
            self._logs.now_ms, _, deed = heapq.heappop(self._deeds)
            await deed()
        return self._logs

    def _plan(self, when_ms: int, deed: Deed) -> None:
        heapq.heappush(self._deeds, (when_ms, next(self._count), deed))

    async def _append(self, raw: Appended) -> None:
        messages = self._topic[raw.partition]
        value = msgspec.json.encode(raw.event)
        messages.append(raw_message(raw.partition, len(messages), raw.at_ms, raw.tenant, value))

    async def _take(self, request: Request) -> None:
        process = self._http[request.collector]
        held = process.take(request, self._keys[request.tenant])
        self._plan(request.done_ms, partial(process.done, held, landed=request.landed))

    async def _beat(self, process: HttpProcess) -> None:
        now_ms, life = self._logs.now_ms, process.life
        if now_ms < life.closes_ms:
            await process.beat()
            self._plan(min(now_ms + BEAT_MS, life.closes_ms), partial(self._beat, process))
        elif life.leaves:
            await process.leave()

    def _reader(self, life: RawLife) -> RawProcess:
        return RawProcess(
            self._logs,
            life,
            partitions=tuple(self._topic),
            keys=self._ring,
            messages=self._topic[life.partition],
        )

    async def _poll(self, process: RawProcess, offset: int) -> None:
        now_ms, life = self._logs.now_ms, process.life
        away = next((each for each in life.away if each.holds(now_ms)), None)
        if away is not None and life.dies:
            successor = self._reader(life)
            self._plan(away.to_ms, partial(self._poll, successor, offset))
            return
        after = await process.turn(offset, reads=away is None)
        self._plan(now_ms + POLL_MS, partial(self._poll, process, after))
