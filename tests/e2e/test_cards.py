"""Prepaid cards on a whole stack: made and exported, then wanted by a hundred members at once."""

import asyncio
import csv
import statistics
import sys
import time
from pathlib import Path

import httpx
import pyrage
import pytest

from cli.cards.making import Wanted, make_cards
from cli.cards.ordering import order_batch, report_of
from cli.reconciling import reconciled
from schemas.card_orders import ActivateCards, BlockCards
from schemas.cards import CardTerms
from schemas.errors import InvalidDocument
from tests.e2e.conftest import Whole, key_of
from tests.e2e.test_money import BACK_S, WON

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CARDS = 40
FACE = 5_000
RACERS = 100
RACES = 3


def made(whole: Whole, folder: Path, batch: str) -> list[str]:
    """A batch's PINs, as whoever prints them reads them."""
    reader = pyrage.x25519.Identity.generate()
    file = folder / f"{batch}.age"
    terms = CardTerms(FACE * WON, "KRW", valid_ms=86_400_000)
    wanted = Wanted("demo", batch, CARDS, terms, [str(reader.to_public())], file)
    make_cards(whole.settings, wanted)
    with pytest.raises(InvalidDocument, match="another name"):
        make_cards(whole.settings, wanted)
    rows = csv.reader(pyrage.decrypt(file.read_bytes(), [reader]).decode().splitlines())
    return [pin for _, pin in rows][1:]


async def redeem(
    whole: Whole, http: httpx.AsyncClient, pin: str, member: str, key: str
) -> tuple[httpx.Response, float]:
    """The answer that says how it ended, asked for with one key until there is one; and how long.

    Everybody has an address of their own.
    """
    headers = {"Authorization": f"Bearer {key_of('demo')}", "Idempotency-Key": key}
    number = int(member.rsplit("-", 1)[1])
    body = {"pin": pin, "client_address": f"10.1.{number // 250}.{number % 250 + 1}"}
    url = f"{whole.url}/v1/wallets/{member}/voucher-redemptions"
    began = time.monotonic()
    while True:
        try:
            answer = await http.post(url, json=body, headers=headers, timeout=30)
        except httpx.TransportError:
            answer = httpx.Response(503)
        if answer.status_code not in {429, 503}:
            return answer, time.monotonic() - began
        assert time.monotonic() < began + BACK_S, answer.text
        await asyncio.sleep(0.1)


async def race(whole: Whole, pin: str, name: str, *, kills: str | None) -> list[float]:
    """All want one card at once, perhaps while a worker is killed; how long each waited."""
    limits = httpx.Limits(max_connections=RACERS)
    async with httpx.AsyncClient(limits=limits) as http:
        asked = [
            asyncio.create_task(redeem(whole, http, pin, f"{name}-{number}", "race"))
            for number in range(RACERS)
        ]
        if kills is not None:
            await asyncio.sleep(0.05)
            whole.stack.kill(kills)
        answers = await asyncio.gather(*asked)
        words = [answer.json().get("type", "won") for answer, _ in answers]
        assert words.count("won") == 1
        assert words.count("urn:ncash:problem:voucher-redeemed") == RACERS - 1
        winner = words.index("won")
        again, _ = await redeem(whole, http, pin, f"{name}-{winner}", "race")
        assert (again.status_code, again.json()) == (201, answers[winner][0].json())
        return [wait for _, wait in answers]


def told(waits: list[float]) -> str:
    """Median and the 99th of a hundred, in milliseconds."""
    cuts = statistics.quantiles(waits, n=100)
    return f"p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms"


def test_card_when_a_hundred_want_it_and_workers_are_killed_then_one_has_it(
    whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost or doubled, nothing stays on its way, and the report says one a race."""
    pins = made(whole, tmp_path, "race")
    assert order_batch(whole.settings, "demo", ActivateCards("race", 1, CARDS)) == CARDS
    calm = asyncio.run(race(whole, pins[0], "calm", kills=None))
    struck: list[float] = []
    for number in range(1, RACES):
        struck += asyncio.run(
            race(whole, pins[number], f"struck{number}", kills=f"worker-{number}")
        )
    with capsys.disabled():
        sys.stdout.write(
            f"\n100 at once for one card: {told(calm)}; a worker killed: {told(struck)}\n"
        )
    [said] = report_of(whole.settings, "demo", "race")
    assert (said.made, said.activated, said.redeemed) == (CARDS, CARDS, RACES)
    assert said.owed_micros == (CARDS - RACES) * FACE * WON
    report = reconciled(whole.settings)
    assert (report.is_clean, report.findings, report.transit_micros) == (True, (), 0)


async def _all(whole: Whole, pins: list[str], key: str) -> tuple[float, list[float]]:
    async with httpx.AsyncClient() as http:
        began = time.monotonic()
        answers = await asyncio.gather(
            *(redeem(whole, http, pin, f"each-{n}", key) for n, pin in enumerate(pins))
        )
        assert [answer.status_code for answer, _ in answers] == [201] * len(pins)
        return time.monotonic() - began, [wait for _, wait in answers]


def test_cards_when_each_is_redeemed_then_what_was_owed_is_in_wallets(
    whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but a stolen one, which can be redeemed once it is let go."""
    pins = made(whole, tmp_path, "each")
    order_batch(whole.settings, "demo", ActivateCards("each", 1, CARDS))
    stolen = BlockCards("each", CARDS, CARDS, is_blocked=True)
    assert order_batch(whole.settings, "demo", stolen) == 1
    took_s, waits = asyncio.run(_all(whole, pins[:-1], "one"))
    with capsys.disabled():
        rate = len(waits) / took_s
        sys.stdout.write(f"\n{len(waits)} cards at once: {rate:.0f} a second, {told(waits)}\n")
    [said] = report_of(whole.settings, "demo", "each")
    assert (said.redeemed, said.blocked, said.owed_micros) == (CARDS - 1, 1, FACE * WON)
    order_batch(whole.settings, "demo", BlockCards("each", CARDS, CARDS, is_blocked=False))
    asyncio.run(_all(whole, pins[-1:], "last"))
    with pytest.raises(InvalidDocument, match="no batch"):
        report_of(whole.settings, "demo", "none")
    assert reconciled(whole.settings).is_clean
