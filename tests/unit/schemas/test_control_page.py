"""The page for authors of content servers shows what is really sent and really read."""

import json
import re
from typing import Any

import msgspec

from ingest.answer import Answer
from runtime.webhooks import Endpoint, checked_endpoints
from schemas.control import SignalKind
from tests.unit.house.tree import ROOT
from tests.unit.schemas.examples import FOLDER

PAGE = (ROOT / "docs" / "control.md").read_text(encoding="utf-8")
SIGNAL, ANSWER, ENDPOINTS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_page_when_it_shows_a_signal_then_it_is_the_example() -> None:
    """Field for field what the topic's example holds."""
    example = FOLDER / "session.control.v1" / "1" / "low-balance.json"
    shown: dict[str, Any] = json.loads(SIGNAL)
    assert shown == json.loads(example.read_text(encoding="utf-8"))


def test_page_when_it_shows_an_answer_then_the_answer_has_those_fields() -> None:
    """Nothing more and nothing less is in it."""
    answer = msgspec.json.decode(ANSWER, type=Answer)
    assert json.loads(msgspec.json.encode(answer)) == json.loads(ANSWER)


def test_page_when_it_shows_endpoints_then_they_can_be_registered() -> None:
    """The file's sample is taken as it stands."""
    [endpoint] = checked_endpoints(msgspec.json.decode(ENDPOINTS, type=list[Endpoint]))
    assert endpoint.hears("demo", "tv")


def test_page_when_it_lists_signals_then_none_is_missing() -> None:
    """Every word that can be sent is explained."""
    assert {f"| `{kind}` |" for kind in SignalKind} <= set(re.findall(r"\| `\w+` \|", PAGE))
