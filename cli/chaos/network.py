"""The wires between our processes and the stores: TCP links that can be cut, hung or slowed.

Invariant: bytes are passed on as they came or not at all; a hung link that is mended goes on with
what waited, as a network does. It does not own when a link breaks.
"""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, Self

import uvloop

from runtime.embedded.ports import LOOPBACK

Mode = Literal["open", "cut", "hung", "slow"]
CHUNK_BYTES = 65_536
SLOW_S = 0.15
STOP_S = 10


class Link:
    """One wire: a port that a process is told, and where it leads.

    Args:
        port: To listen on.
        target: Port that is really meant.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._mode: Mode = "open"
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()

    def change(self, mode: Mode) -> None:
        """Make it so, also for the connections that are there; in the loop's thread."""
        self._mode = mode
        if mode == "hung":
            self._passing.clear()
        else:
            self._passing.set()
        if mode == "cut":
            for writer in self._writers:
                writer.transport.abort()

    async def open(self) -> asyncio.Server:
        """Listen; gives what has to be closed."""
        return await asyncio.start_server(self._serve, LOOPBACK, self._port)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._writers.add(back)
        forth: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            if self._mode == "cut":
                return
            far, forth = await asyncio.open_connection(LOOPBACK, self._target)
            self._writers.add(forth)
            ways = {
                asyncio.create_task(self._pass_on(near, forth)),
                asyncio.create_task(self._pass_on(far, back)),
            }
            # A side that has ended ends the other: none of our protocols closes by halves.
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            # The target is down: the client sees a connection that ends.
            return
        finally:
            for writer in (back, forth):
                if writer is not None:
                    self._writers.discard(writer)
                    writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if self._mode == "slow":
                await asyncio.sleep(SLOW_S)
            await self._passing.wait()
            writer.write(chunk)
            await writer.drain()


class Network:
    """All links, on a thread of their own while the block runs.

    Args:
        links: By name, what is told and what is meant.
    """

    def __init__(self, links: Mapping[str, tuple[int, int]]) -> None:
        self._ports = dict(links)
        self._links: dict[str, Link] = {}
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(STOP_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)

    def change(self, name: str, mode: Mode) -> None:
        """Breaks or mends a link; blocks until it is so.

        Raises:
            KeyError: There is no such link.
        """
        link = self._links[name]
        done = threading.Event()

        def act() -> None:
            link.change(mode)
            done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait(STOP_S)

    def mend(self) -> None:
        """Opens every link."""
        for name in self._links:
            self.change(name, "open")

    async def _open(self) -> None:
        for name, (port, target) in self._ports.items():
            self._links[name] = Link(port, target)
            with suppress(asyncio.CancelledError):
                await self._links[name].open()
