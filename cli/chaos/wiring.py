"""Which wires there are: each process of ours reaches each store by a link of its own.

Invariant: the broker tells each process to come by its own link, so none finds a way around.
It does not own what happens on a link.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from runtime.embedded.kafka import Detour
from runtime.embedded.parts import PartSpec
from runtime.embedded.ports import LOOPBACK, free_port

RESTARTS_MAX = 100_000
LATE_STORES = {"redis": "NCASH_REDIS", "clickhouse": "NCASH_CLICKHOUSE"}


class Wiring(NamedTuple):
    """Ports of all links.

    Args:
        links: By ``part:store``, the port that the part is told and the one that is meant.
        detours: The broker's listeners behind the links to Kafka.
    """

    links: Mapping[str, tuple[int, int]]
    detours: tuple[Detour, ...]

    def adjust(self, part: PartSpec) -> PartSpec:
        """The part with its links in the place of the stores, restarted however often it dies."""
        env = dict(part.env)
        for store, variable in {**LATE_STORES, "kafka": "NCASH_KAFKA"}.items():
            link = self.links.get(f"{part.name}:{store}")
            # The process that owns a chDB folder opens it by itself.
            if link is None or env[variable].startswith("chdb:"):
                continue
            env[variable] = _redirected(env[variable], link[0])
        return dataclasses.replace(part, env=env, restarts_max=RESTARTS_MAX)


def wiring_of(parts: list[str], stores: Mapping[str, int]) -> Wiring:
    """Links for these parts.

    Args:
        parts: Processes of ours.
        stores: Ports of Redis and the warehouse, by name.
    """
    taken = set(stores.values())

    def port() -> int:
        found = free_port(frozenset(taken))
        taken.add(found)
        return found

    detours = tuple(
        Detour(part.upper().replace("-", "_"), port=port(), told=port()) for part in parts
    )
    links = {
        f"{part}:kafka": (detour.told, detour.port)
        for part, detour in zip(parts, detours, strict=True)
    }
    links |= {f"{part}:{store}": (port(), at) for part in parts for store, at in stores.items()}
    return Wiring(links, detours)


def _redirected(address: str, port: int) -> str:
    if "://" not in address:
        return f"{LOOPBACK}:{port}"
    url = urlsplit(address)
    user, at, _ = url.netloc.rpartition("@")
    return url._replace(netloc=f"{user}{at}{LOOPBACK}:{port}").geturl()
