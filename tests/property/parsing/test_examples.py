"""Events with an odd value at each place, and damaged examples of every topic.

The corpus grows by chance; these are all there are, so that a new topic or attribute is among them.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.property.parsing.parser import Parser
from tests.property.parsing.parsers import PARSERS
from tests.property.parsing.wire import WIRE

# One event that says all that one can, as its JSON texts by name.
ATTRIBUTES = {
    "specversion": '"1.0"', "id": '"e1"', "source": '"vod"', "type": '"session.heartbeat"',
    "subject": '"ann"', "time": '"2026-11-24T21:00:00Z"', "datacontenttype": '"application/json"',
}  # fmt: skip
DATA = {
    "session": '"s1"', "content": '"news"', "seq": "1", "boot": '"b1"', "meters": '{"bytes": 5}',
    "active": "false", "direction": '"forward"', "from": '"p1"', "to": '"p2"', "item": '"quiz"',
    "quantity": "2", "reason": '"member"', "role": '"manager"', "mandate": '"m1"',
    "consent": '"eyJ.eyJ.x"',
}  # fmt: skip
ODD = [
    '"\\ud800"', '"a\\udfffb"', '{"\\ud800": 1}', '{"bytes": 1, "bytes": 2}', "NaN", "-Infinity",
    "1e999", "-1", "1.5", "9" * 400, "true", "null", '""', '"\\u0000"', '"\\u001f"', "[]", "{}",
    '"' + "x" * 3_000 + '"', "[" * 300 + "]" * 300, '"9999-12-31T23:59:60Z"',
    '"0000-01-01T00:00:00Z"',
]  # fmt: skip

EXAMPLES = Path("schemas/examples")


def _sound() -> Iterator[bytes]:
    """What the examples of every topic look like on the wire."""
    for path in sorted(EXAMPLES.glob("*/*/*.json")):
        document: object = msgspec.json.decode(path.read_bytes())
        if isinstance(document, dict) and isinstance(document.get("bytes"), str):
            yield bytes.fromhex(document["bytes"])


SOUND = [*_sound()]


def _damaged(value: bytes, seed: int) -> bytes:
    """Sound bytes with a few of them changed, taken out, doubled, or cut off."""
    chance, body = random.Random(seed), bytearray(value)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(body) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            body[place : place + 1] = bytes((chance.randrange(256),))
        elif kind == 1:
            del body[place : place + chance.randint(1, 4)]
        elif kind == 2:
            body[place:place] = body[place : place + chance.randint(1, 40)]
        else:
            del body[place:]
    return bytes(body)


@pytest.mark.parametrize("parser", WIRE, ids=lambda each: each.name)
def test_parser_when_sound_bytes_are_damaged_then_it_takes_them_or_says_why_not(
    parser: Parser,
) -> None:
    """Every example of every topic, changed in a few places."""
    assert len(SOUND) > 20
    for number, value in enumerate(SOUND):
        for seed in range(25):
            parser.takes(_damaged(value, 1_000 * number + seed))


def test_parsers_when_given_their_own_examples_then_they_take_them() -> None:
    """So that what the others are given is near to what is taken."""
    taken = [
        sum(PARSERS[name].takes(value) for value in SOUND) for name in ("log-record", "output")
    ]
    assert all(count > 5 for count in taken)
    assert sum(taken) == len(SOUND) or sum(taken) > len(SOUND) // 2


def _event(changes: dict[str, str], data: dict[str, str]) -> bytes:
    """An event with some of its values another JSON text."""
    inside = ", ".join(f'"{name}": {text}' for name, text in {**DATA, **data}.items())
    outside = {**ATTRIBUTES, "data": f"{{{inside}}}", **changes}
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in outside.items()) + "}").encode()


@pytest.mark.parametrize("name", sorted([*ATTRIBUTES, *DATA, "data"]))
def test_event_when_one_value_is_odd_then_each_way_in_takes_it_or_says_why_not(name: str) -> None:
    """Alone, in a batch, from Kafka, and as a line of a recording."""
    header = b"content-type: application/cloudevents-batch+json\n\n"
    for odd in ODD:
        is_data = name in DATA
        body = _event({} if is_data else {name: odd}, {name: odd} if is_data else {})
        PARSERS["cloudevent"].takes(body)
        PARSERS["http-request"].takes(header + b"[" + body + b", " + odd.encode() + b"]")
        PARSERS["raw-message"].takes(b"content-type: application/cloudevents+json\n\n" + body)
        PARSERS["raw-message"].takes(
            b"content-type: application/cloudevents+json\n\n" + odd.encode()
        )
        PARSERS["dead-letter"].takes(body)
        PARSERS["recording-cloudevents"].takes(body)
        PARSERS["usage-file"].takes(body)
