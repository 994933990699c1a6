"""Two ways to a price: the engine's, moved along, and the auditor's, made from whole uses."""

from collections import Counter

import msgspec
import pytest

from cli.sim.audit.calendars import zone_of
from cli.sim.audit.prices import price_of
from cli.sim.audit.terms import Tariff, versions_of
from cli.sim.audit.used import Use
from rating.catalogue import ContentTerms, compile_catalogue
from rating.merging import merge
from rating.price import price
from rating.session import begin, billable, editable
from rating.share import provider_part
from schemas.catalogue import document_from_json
from tests.sim.random_tariffs import Drawn

DRAWS = 150
MORE_DRAWS = 2_500


def _terms(drawn: Drawn) -> ContentTerms:
    """The tariff as the engine compiles it."""
    document = {
        "tenants": [
            {
                "id": "tv",
                "currency": "KRW",
                "tariffs": [drawn.tariff],
                "contents": [
                    {"id": "c", "provider": "kbs", "tariff": "t", "time_zone": drawn.zone}
                ],
            }
        ]
    }
    body = document_from_json(msgspec.json.encode(document))
    return compile_catalogue(body).tenants["tv"].contents["c"]


Sums = dict[tuple[str, str, str, int], tuple[int, int]]


def _engine(drawn: Drawn) -> tuple[Sums, int]:
    """Lines and the provider's part, of events merged in order of arrival."""
    tariff = _terms(drawn).tariff
    session = editable(begin(drawn.facts[0], path="http", incarnation=1))
    for event in drawn.facts:
        merge(session, event, "http", tariff)
    session.supplement_ms = drawn.supplement_ms
    lines = price(tariff, billable(session))
    total = sum(line.amount_micros for line in lines)
    found = {
        (line.kind, line.meter, line.rate, line.version): (line.quantity, line.amount_micros)
        for line in lines
    }
    assert len(found) == len(lines)
    return found, provider_part(tariff, lines, total)


def _auditor(drawn: Drawn) -> tuple[Sums, int]:
    """The same from the whole use."""
    words = {**drawn.tariff, "silence": {}}
    tariff = Tariff("c", "kbs", words, zone_of(drawn.zone), (), versions_of(words), {})
    moments = [event.event_at_ms for event in drawn.facts]
    use = Use(min(moments), max(moments) + drawn.supplement_ms, tuple(drawn.facts), is_session=True)
    found = price_of(tariff, use)
    return {line[:4]: line[4:] for line in found.lines}, found.provider


def _check(seeds: range) -> None:
    kinds: Counter[str] = Counter()
    for seed in seeds:
        drawn = Drawn(seed)
        engine, auditor = _engine(drawn), _auditor(drawn)
        assert engine == auditor, (seed, drawn.tariff, drawn.zone, drawn.facts)
        kinds.update(name[0] for name in engine[0])
    assert {"time", "minimum", "fee", "volume", "item", "page", "cap"} <= set(kinds)


def test_prices_when_tariffs_are_drawn_then_engine_and_auditor_agree() -> None:
    """Every line and every provider's part, near where clocks are set and versions begin."""
    _check(range(DRAWS))


@pytest.mark.slow
def test_prices_when_many_tariffs_are_drawn_then_engine_and_auditor_agree() -> None:
    """The same at length."""
    _check(range(DRAWS, MORE_DRAWS))
