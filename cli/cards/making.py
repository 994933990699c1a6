"""A batch of prepaid cards made: PINs, their export, and their hashes into the shards.

Invariant: the export is safe on the disk before any shard knows a card of it; and none of them can
be redeemed before somebody activates it. So a run that breaks off leaves paper, not money.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from api.asking import ask, hash_of_request
from api.problems import Problem
from cli.cards.exporting import encrypted, write_new
from cli.desk import CommandDesk, open_desk
from runtime.card_secrets import CardSecrets
from runtime.settings import Settings
from schemas.card_orders import RegisterCards
from schemas.cards import CARDS_PER_RECORD_MAX, NOBODY, CardTerms, card_shard
from schemas.commands import Command, Outcome
from schemas.errors import InvalidDocument, NcashError, RecoverableError

ACTOR = "ncash cards"
AT_ONCE = 8


class Wanted(NamedTuple):
    """A batch that somebody wants.

    Args:
        tenant: Whose.
        batch: Its name, new.
        cards: How many.
        terms: Of each.
        recipients: Who is to read the PINs.
        file: Where the export goes; not there yet.
    """

    tenant: str
    batch: str
    cards: int
    terms: CardTerms
    recipients: Sequence[str]
    file: Path


def make_cards(settings: Settings, wanted: Wanted) -> None:
    """Makes a batch.

    Args:
        settings: Where everything is, the secrets' file with them.
        wanted: What.

    Raises:
        InvalidDocument: The batch cannot be such a one, or its name was used; nothing was made.
        RecoverableError: A part could not be reached: take another name, and no card of this one.
    """
    asyncio.run(_made(settings, wanted))


async def _made(settings: Settings, wanted: Wanted) -> None:
    known = CardSecrets.from_file(settings.cards_file)
    async with open_desk(settings) as desk:
        if await desk.batches.figures(wanted.tenant, wanted.batch) is not None:
            raise InvalidDocument(f"the batch {wanted.batch!r} was made before; take another name")
        pins = list(known.new_pins(wanted.cards))
        write_new(wanted.file, encrypted(wanted.batch, pins, wanted.recipients))
        cards = [known.card_of(wanted.tenant, pin) for pin in pins]
        del pins
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(shard: int, command: Command) -> None:
            async with turns:
                await _registered(desk, shard, command)

        orders = registrations(wanted, cards, settings.shards)
        ended = await asyncio.gather(
            *(one(shard, command) for shard, command in orders), return_exceptions=True
        )
    for fault in ended:
        if isinstance(fault, NcashError):
            raise type(fault)(
                f"{fault}; delete {wanted.file}: not all of its cards are known, and none is on "
                f"sale. Mend it, and take another name than {wanted.batch!r}"
            ) from fault
        if fault is not None:
            raise fault


def registrations(
    wanted: Wanted, cards: Sequence[bytes], shards: int
) -> Iterator[tuple[int, Command]]:
    """The commands that tell the shards of cards, each with its shard.

    Args:
        wanted: The batch.
        cards: Hashes of the PINs, from serial number 1 on.
        shards: Stored number of shards.
    """
    by_shard: dict[int, list[tuple[int, bytes]]] = {}
    for serial, card in enumerate(cards, 1):
        by_shard.setdefault(card_shard(card, shards), []).append((serial, card))
    for shard, own in sorted(by_shard.items()):
        for start in range(0, len(own), CARDS_PER_RECORD_MAX):
            part = tuple(own[start : start + CARDS_PER_RECORD_MAX])
            body = RegisterCards(wanted.batch, wanted.terms, part)
            said: dict[str, str | int] = {"cards": msgspec.msgpack.encode(body).hex()}
            command = Command(
                tenant=wanted.tenant,
                member=NOBODY,
                key=f"cards/{wanted.batch}/{start // CARDS_PER_RECORD_MAX}",
                request_hash=hash_of_request("POST", "cards", wanted.tenant, said),
                deadline_ms=0,
                actor=ACTOR,
                body=body,
            )
            yield shard, command


async def _registered(desk: CommandDesk, shard: int, command: Command) -> None:
    deadline_ms = desk.clock.wall_ms() + desk.limits.command_timeout_ms
    try:
        result, _ = await ask(
            desk, msgspec.structs.replace(command, deadline_ms=deadline_ms), shard=shard
        )
    except Problem as problem:
        raise RecoverableError(str(problem.detail)) from problem
    if result.outcome != Outcome.DONE:
        raise InvalidDocument(f"{result.reason or result.outcome}: {result.detail}")
