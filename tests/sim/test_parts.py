"""The simulator drives production's own functions, and its own parts do what they say."""

import ast
import asyncio
from pathlib import Path
from random import Random

import pytest

from cli.sim.faults import REACHABLE, Chaos, Fault, Point
from cli.sim.loop import NothingToDoError, SimLoop
from cli.sim.stores import Shelf, finished
from cli.sim.topics import Partition
from cli.sim.vault import Vault
from cli.sim.world import World
from shard.cursor import Cursor
from shard.port import Changes, Kind
from tests.unit.house.tree import ROOT
from warehouse.port import Columns, WarehouseRefused
from warehouse.rows import SINK_RANGES

SIM = ROOT / "cli" / "sim"
DRIVEN = {
    "streams.owner": "ShardOwner", "streams.owners": "Owners", "streams.outlet": "KafkaOutlet",
    "streams.published": "ends_of", "streams.sinks.sink": "Sink",
    "streams.late.reader": "LateReader", "streams.late.running": "KafkaVerdicts",
    "shard.memory_store": "MemoryStore",
    "ingest.http": "HttpIntake", "ingest.collector": "Collector", "ingest.ticks": "HttpTicks",
    "ingest.stamps": "Stamps", "ingest.forward": "Forwarder", "ingest.raw_ticks": "RawTicks",
    "ingest.raw_partition": "RawPartition", "ingest.joining": "Joining", "api.asking": "ask",
    "api.kafka_log": "KafkaCommandLog", "warehouse.contiguous": "reached_by",
    "rating.catalogue": "compile_catalogue",
}  # fmt: skip
# What the auditor may share with the product: the words on the wire, and how to reach the remains.
SHARED = ("schemas", "cli.sim", "warehouse.rows", "warehouse.port", "ingest.forward")
REPLAYS = ("replay.py", "auditor.py")


def _imports(path: Path) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
    return found


def test_simulator_when_read_then_drives_what_production_runs() -> None:
    """Each of these is imported from its room, not written again."""
    imports = set[tuple[str, str]]().union(*map(_imports, SIM.glob("*.py")))
    assert [pair for pair in DRIVEN.items() if pair not in imports] == []


def test_auditor_when_read_then_shares_no_rule_with_the_product() -> None:
    """It knows the wire's words; shard, rating and wallet are known to its replay alone."""
    ours = {"api", "backoffice", "ingest", "rating", "runtime", "shard", "streams", "wallet"}
    for path in (SIM / "audit").glob("*.py"):
        if path.name not in REPLAYS:
            rooms = {
                module
                for module, _ in _imports(path)
                if module.split(".")[0] in ours and not module.startswith(SHARED)
            }
            assert rooms == set(), path.name


def test_simulator_when_read_then_asks_no_clock_and_no_unseeded_chance() -> None:
    """Time and chance come from the loop and the seed."""
    banned = {"time", "secrets", "uuid", "threading", "socket"}
    allowed = {("threading", "Event")}
    for path in SIM.rglob("*.py"):
        found = {pair for pair in _imports(path) if pair[0] in banned} - allowed
        assert found == set(), path.name


def test_loop_when_everybody_waits_then_time_moves_to_the_next_moment() -> None:
    """A day of sleep takes no time at all."""
    loop = SimLoop(Random(1))
    loop.run(asyncio.sleep(86_400))
    assert loop.now_ms() == 86_400_000
    loop.close()


def test_loop_when_nobody_ever_comes_then_says_so() -> None:
    """A deadlock is a finding, not a hang."""
    loop = SimLoop(Random(1))

    async def wait() -> None:
        await loop.create_future()

    task = wait()
    with pytest.raises(NothingToDoError):
        loop.run(task)
    loop.close()
    task.close()


def test_loop_when_several_could_go_then_the_seed_decides() -> None:
    """Two seeds give two orders, the same seed the same one."""

    def order(seed: int) -> list[int]:
        loop, seen = SimLoop(Random(seed)), list[int]()

        async def note(number: int) -> None:
            seen.append(number)

        async def main() -> None:
            await asyncio.gather(*(note(number) for number in range(20)))

        loop.run(main())
        loop.close()
        return seen

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_partition_when_appended_then_is_read_from_any_offset() -> None:
    """Holes between offsets are no places; stamps never fall."""
    partition = Partition(Random(3))
    offsets = [partition.append(b"x", now_ms=5_000 - n) for n in range(2_000)]
    assert offsets == sorted(set(offsets))
    assert partition.end == offsets[-1] + 1 > 2_000
    assert [each.offset for each in partition.read(offsets[150], 3)] == offsets[150:153]
    assert {each.stamp_ms for each in partition.messages} == {5_000}


def test_shelf_when_it_falls_back_then_has_a_whole_older_state() -> None:
    """State and cursor go back together."""
    loop = SimLoop(Random(1))
    world = World(1, loop, Chaos(Random(1), ()))
    shelf = Shelf(world)
    first, second = Cursor("log", 0), Cursor("log", 1)
    finished(shelf.now.apply(None, first, Changes({Kind.WALLETS: {"a": b"1"}})))
    shelf.keep()
    loop.leap(2_000)
    finished(shelf.now.apply(first, second, Changes({Kind.WALLETS: {"a": b"2"}})))
    shelf.keep()

    assert shelf.fall_back(1_000)
    assert finished(shelf.now.cursor()) == first
    assert shelf.now.contents() == {"wallets": {b"a": b"1"}}
    assert not shelf.fall_back(60_000)
    loop.close()


def test_vault_when_asked_what_nobody_asks_then_refuses() -> None:
    """A question that production begins to ask is noticed here at once."""
    loop = SimLoop(Random(1))
    vault = Vault(World(1, loop, Chaos(Random(1), ())))
    with pytest.raises(WarehouseRefused):
        vault.query("SELECT 1", {})
    with pytest.raises(WarehouseRefused):
        vault.insert(SINK_RANGES.name, ("wrong",), Columns([]))
    loop.close()


def test_chaos_when_only_some_kinds_may_strike_then_no_other_does() -> None:
    """A shrunk run strikes with what it was told, where that can strike."""
    chaos = Chaos(Random(1), (Fault.PART, Fault.NIGHT))
    rolled = {(chaos.roll(point), point) for _ in range(20_000) for point in Point}
    struck = {(kind, point) for kind, point in rolled if kind is not None}
    assert {kind for kind, _ in struck} == {Fault.PART, Fault.NIGHT}
    assert all(point in REACHABLE[kind] for kind, point in struck)
    chaos.is_on = False
    assert all(chaos.roll(point) is None for point in Point for _ in range(1_000))
