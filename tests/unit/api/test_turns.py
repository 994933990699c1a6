"""Turns at the warehouse: one tenant's slow questions are that tenant's own trouble."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping

import pytest

from api.clickhouse import ClickHouse
from api.limits import TurnLimits
from api.problems import Problem
from api.turns import NoTurn
from schemas.applied import Cdr
from warehouse.port import Cell, Rows
from warehouse.queries import SessionFilter

LIMITS = TurnLimits(at_once=3, per_tenant=2, waiting_max=1)
TURNS = 50


class GatedReader:
    """Stands at the reader's port; what tenant ``slow`` asks is answered when the gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """See ``warehouse.port.Reader``; no rows."""
        del sql
        if "slow" in (parameters or {}).values():
            with self._lock:
                self.running += 1
                self.most_running = max(self.most_running, self.running)
            assert self.gate.wait(60)
            with self._lock:
                self.running -= 1
        return Rows((), [])

    def close(self) -> None:
        """See ``warehouse.port.Reader``."""


class Asked:
    """The API's warehouse on a gated reader."""

    def __init__(self, limits: TurnLimits) -> None:
        self.reader = GatedReader()
        self.warehouse = ClickHouse(self.reader, limits)

    def begin(self, tenant: str) -> asyncio.Task[list[Cdr]]:
        """A question under way."""
        return asyncio.create_task(self.answer(tenant))

    async def answer(self, tenant: str) -> list[Cdr]:
        """A question's answer."""
        return await self.warehouse.cdrs(tenant, SessionFilter(), before=None, limit=1)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """A fresh one; its gate is opened at the end, so that no thread stays."""
    made = Asked(LIMITS)
    yield made
    made.reader.gate.set()
    made.warehouse.close()


async def _settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_question_when_another_tenants_are_slow_then_is_answered(asked: Asked) -> None:
    """Slow questions of one key hold up neither other tenants nor the probe."""
    slow = [asked.begin("slow") for _ in range(3)]
    await _settle()
    assert await asked.answer("quick") == []
    await asked.warehouse.ping()
    assert not any(task.done() for task in slow)
    asked.reader.gate.set()
    assert await asyncio.gather(*slow) == [[], [], []]
    assert asked.reader.most_running <= LIMITS.per_tenant


async def test_question_when_too_many_of_its_tenant_wait_then_is_refused(asked: Asked) -> None:
    """429 with Retry-After, for that tenant alone, until one is answered."""
    slow = [asked.begin("slow") for _ in range(3)]
    await _settle()
    with pytest.raises(Problem) as refused:
        await asked.answer("slow")
    assert (refused.value.word, refused.value.status_code) == ("too-many-questions", 429)
    assert refused.value.headers == {"Retry-After": "1"}
    assert await asked.answer("quick") == []
    asked.reader.gate.set()
    await asyncio.gather(*slow)
    assert await asked.answer("slow") == []


async def test_question_when_no_turn_comes_then_nothing_is_asked(asked: Asked) -> None:
    """A wait is bounded: the caller is told to come again."""
    limits = TurnLimits(at_once=3, per_tenant=1, waiting_max=1, wait_ms=1)
    hurried = ClickHouse(asked.reader, limits)
    first = asyncio.create_task(hurried.cdrs("slow", SessionFilter(), before=None, limit=1))
    await _settle()
    with pytest.raises(NoTurn):
        await hurried.cdrs("slow", SessionFilter(), before=None, limit=1)
    asked.reader.gate.set()
    assert await first == []
    hurried.close()


async def test_question_when_its_caller_goes_away_then_keeps_its_turn(asked: Asked) -> None:
    """Callers that hang up cannot gather more threads than their tenant may have."""
    gone = [asked.begin("slow") for _ in range(2)]
    await _settle()
    for task in gone:
        task.cancel()
    late = asked.begin("slow")
    await _settle()
    assert not late.done()
    asked.reader.gate.set()
    assert await late == []
    assert asked.reader.most_running <= LIMITS.per_tenant


def test_limits_when_one_tenant_could_have_every_turn_then_are_refused() -> None:
    """There is always a turn that the busiest tenant cannot take."""
    with pytest.raises(ValueError, match="per_tenant"):
        TurnLimits(at_once=2, per_tenant=2, waiting_max=1)
