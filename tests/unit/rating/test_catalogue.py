"""Compiling a catalogue: what it answers, and each fault with its path and mend."""

import msgspec
import pytest

from rating.catalogue import HORIZON_MS, Catalogue, TenantTerms, compile_catalogue
from schemas.applied import Cause
from schemas.catalogue import CatalogueDocument, document_from_json
from schemas.errors import InvalidDocument
from schemas.moment import HOUR_MS

BODY = b"""{"tenants": [{
  "id": "demo", "currency": "KRW", "membership": "registered", "credit_limit": "5",
  "horizon_h": 72, "remember": "increments",
  "members": [{"id": "kim", "credit_limit": "1000.5"}, {"id": "lee"}],
  "contents": [{"id": "tv1", "provider": "kbs", "tariff": "tv", "title": "News",
                "time_zone": "Asia/Seoul", "managers": ["park"]}],
  "tariffs": [{"id": "tv", "provider_ppm": 700000, "rounding": "up", "low_balance": "300",
    "charge_errors": false,
    "silence": {"timeout_s": 5, "means": "idle", "pays": "half_interval", "interval_s": 2,
                "later": "new_incarnation"},
    "components": [{"kind": "time", "price": "30", "per_s": 1}]}]
}]}"""


def tenant() -> TenantTerms:
    """The tenant of the body above."""
    found = compile_catalogue(document_from_json(BODY)).tenant("demo")
    assert found is not None
    return found


def with_component(text: str) -> CatalogueDocument:
    """The catalogue above with one other component."""
    old = b'{"kind": "time", "price": "30", "per_s": 1}'
    assert old in BODY
    return document_from_json(BODY.replace(old, text.encode()))


def test_catalogue_when_compiled_then_tenants_answer_for_themselves() -> None:
    """Horizon, memory, limits and membership are read as numbers and answers."""
    terms = tenant()
    assert (terms.id, terms.currency) == ("demo", "KRW")
    assert terms.horizon_ms == 72 * HOUR_MS
    assert not terms.remember_all
    assert terms.credit_limit_micros("kim") == 1_000_500_000
    assert terms.credit_limit_micros("lee") == 0
    assert terms.credit_limit_micros("anyone") == 5_000_000
    assert terms.is_registered("kim")
    assert not terms.is_registered("anyone")
    assert terms.manages_any("park")
    assert not terms.manages_any("kim")
    assert terms.content("tv2") is None


def test_catalogue_when_compiled_then_contents_have_their_tariff() -> None:
    """A content leads to its tariff and zone without a further look-up."""
    content = tenant().content("tv1")
    assert content is not None
    assert (content.provider, content.title, content.zone.key) == ("kbs", "News", "Asia/Seoul")
    assert content.managers == frozenset({"park"})
    tariff = content.tariff
    assert (tariff.id, tariff.versions[0].provider_ppm, tariff.rounding) == ("tv", 700_000, "up")
    assert tariff.low_balance_micros == 300_000_000
    assert (tariff.timeout_ms, tariff.interval_ms) == (5_000, 2_000)
    assert (tariff.silence_cause, tariff.pays) == (Cause.IDLE, "half_interval")
    assert not tariff.reopens
    assert not tariff.charge_errors
    assert not tariff.is_free
    assert not tariff.has_passes


def test_catalogue_when_membership_is_open_then_everybody_is_registered() -> None:
    """An open tenant knows no strangers."""
    body = BODY.replace(b'"registered"', b'"open"')
    found = compile_catalogue(document_from_json(body)).tenant("demo")
    assert found is not None
    assert found.is_registered("anyone")


def test_catalogue_when_empty_then_it_has_the_usual_horizon() -> None:
    """Without tenants there is nobody to find, and 48 hours to remember."""
    assert compile_catalogue(CatalogueDocument([])) == Catalogue({}, HORIZON_MS)


def test_catalogue_when_compiled_again_then_it_is_equal() -> None:
    """Compiling is a pure function of the document."""
    document = document_from_json(BODY)
    assert compile_catalogue(document) == compile_catalogue(document)


def test_catalogue_when_tenants_differ_then_the_longest_horizon_counts() -> None:
    """Shards hold ids for the tenant who needs them longest."""
    document = document_from_json(BODY)
    other = msgspec.structs.replace(document.tenants[0], id="other", horizon_h=100)
    both = CatalogueDocument([*document.tenants, other])
    assert compile_catalogue(both).horizon_ms_max == 100 * HOUR_MS


@pytest.mark.parametrize(
    ("component", "is_free"),
    [
        ('{"kind": "time", "price": "0"}', True),
        ('{"kind": "time", "price": "0", "minimum": "1"}', False),
        ('{"kind": "volume", "meter": "bytes", "price": "0"}', True),
        ('{"kind": "volume", "meter": "bytes", "price": "0.000000000001"}', False),
        ('{"kind": "item", "prices": {"a": "0"}}', True),
        ('{"kind": "item", "prices": {"a": "0"}, "other": "1"}', False),
        ('{"kind": "item", "prices": {"a": "1"}}', False),
        ('{"kind": "page", "price": "0"}', True),
        ('{"kind": "page", "price": "1"}', False),
        ('{"kind": "flat", "price": "0", "period": "day"}', True),
        ('{"kind": "flat", "price": "1", "period": "day"}', False),
    ],
)
def test_tariff_when_nothing_has_a_price_then_it_is_free(component: str, *, is_free: bool) -> None:
    """A tariff is free when no use of any kind can ever cost anything."""
    found = compile_catalogue(with_component(component)).tenants["demo"].contents["tv1"]
    assert found.tariff.is_free == is_free


# component | path after components[0] | part of the message
COMPONENT_FAULTS = """
{"kind": "time", "price": "-1"} | .price | is negative; write 0 or more
{"kind": "time", "price": "-0.00000001"} | .price | is negative; write 0 or more
{"kind": "time", "price": "thirty"} | .price | is not an amount such as '12.345678'
{"kind": "time", "price": "1e3"} | .price | is not an amount such as '12.345678'
{"kind": "time", "price": "0.0000001x"} | .price | is not a price such as '0.00000025'
{"kind": "time", "price": "0.0000000000000000001"} | .price | more than 18 decimals; write the price of more units
{"kind": "time", "price": "9007199255"} | .price | is beyond the largest amount, 9007199254.740991
{"kind": "time", "price": "1", "per_s": 0} | .per_s | 0 is not 1 to 1000000000 seconds
{"kind": "time", "price": "1", "first_s": 0} | .first_s | 0 is not 1 to 1000000000 seconds
{"kind": "time", "price": "1", "next_s": -6} | .next_s | -6 is not 1 to 1000000000 seconds
{"kind": "time", "price": "1", "free_s": -1} | .free_s | -1 is not 0 to 1000000000 seconds
{"kind": "time", "price": "1", "minimum": "-1"} | .minimum | is negative; write 0 or more
{"kind": "time", "price": "1", "minimum": "0.0000001"} | .minimum | is finer than one micro-unit
{"kind": "volume", "meter": "bytes", "price": "-1"} | .price | is negative; write 0 or more
{"kind": "volume", "meter": "bytes", "price": "1", "per": 0} | .per | 0 is not between 1 and 9007199254740991
{"kind": "volume", "meter": "bytes", "price": "1", "free": -1} | .free | -1 is not between 0 and 9007199254740991
{"kind": "volume", "meter": "bytes", "price": "1", "free": 9007199254740992} | .free | a number beyond 2**53 is not between
{"kind": "volume", "meter": "", "price": "1"} | .meter | is empty; write 1 to 256 plain characters
{"kind": "item", "prices": {"a": "-1"}} | .prices[a] | is negative; write 0 or more
{"kind": "item", "prices": {"a": "0.0000001"}} | .prices[a] | is finer than one micro-unit
{"kind": "item", "other": "x"} | .other | is not an amount such as '12.345678'
{"kind": "page", "price": "-1"} | .price | is negative; write 0 or more
{"kind": "flat", "price": "-1", "period": "day"} | .price | is negative; write 0 or more
"""  # noqa: E501 -- a row is one case


@pytest.mark.parametrize("row", COMPONENT_FAULTS.strip().splitlines())
def test_component_when_faulty_then_the_message_names_path_and_mend(row: str) -> None:
    """Each fault of a price stands with its full path."""
    component, path, message = (column.strip() for column in row.split(" | "))
    with pytest.raises(InvalidDocument) as caught:
        compile_catalogue(with_component(component))
    assert str(caught.value).startswith(f"tenants[demo].tariffs[tv].components[0]{path}: ")
    assert message in str(caught.value)


# old text -> new text | start of the message | another part of it
DOCUMENT_FAULTS = """
"timeout_s": 5 -> "timeout_s": 0 | tenants[demo].tariffs[tv].silence.timeout_s: | 0 is not 1 to
"interval_s": 2 -> "interval_s": -1 | tenants[demo].tariffs[tv].silence.interval_s: | -1 is not 1 to
"low_balance": "300" -> "low_balance": "-300" | tenants[demo].tariffs[tv].low_balance: | is negative
Asia/Seoul -> Asia/Soul | tenants[demo].contents[tv1].time_zone: | near: Asia/Seoul
"horizon_h": 72 -> "horizon_h": 72, "withdrawals": {"fee": "-1"} | tenants[demo].withdrawals.fee: | is negative
"horizon_h": 72 -> "horizon_h": 72, "withdrawals": {"per_day": "x"} | tenants[demo].withdrawals.per_day: | is not an amount
"credit_limit": "5" -> "credit_limit": "-5" | tenants[demo].credit_limit: | is negative
"credit_limit": "1000.5" -> "credit_limit": "?" | tenants[demo].members[kim].credit_limit: | is not an amount
"horizon_h": 72 -> "horizon_h": 0 | tenants[demo].horizon_h: | 0 is not between 1 and
"horizon_h": 72 -> "horizon_h": 8785 | tenants[demo].horizon_h: | beyond 8784 hours
"KRW" -> "won" | tenants[demo].currency: | ISO 4217
"KRW" -> "KRWX" | tenants[demo].currency: | ISO 4217
"provider": "kbs" -> "provider": "" | tenants[demo].contents[tv1].provider: | is empty
"""  # noqa: E501 -- a row is one case


@pytest.mark.parametrize("row", DOCUMENT_FAULTS.strip().splitlines())
def test_document_when_faulty_then_the_message_names_path_and_mend(row: str) -> None:
    """Faults outside components have their paths too."""
    change, path, message = (column.strip() for column in row.split(" | "))
    old, new = (part.encode() for part in change.split(" -> "))
    assert BODY.count(old) == 1
    with pytest.raises(InvalidDocument) as caught:
        compile_catalogue(document_from_json(BODY.replace(old, new)))
    assert str(caught.value).startswith(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("components", "what"),
    [
        ('{"kind": "time", "price": "1"}, {"kind": "time", "price": "2"}', "time"),
        (", ".join(['{"kind": "volume", "meter": "b", "price": "1"}'] * 2), "volume b"),
        ('{"kind": "item", "other": "1"}, {"kind": "item", "other": "2"}', "item"),
        ('{"kind": "page", "price": "1"}, {"kind": "page", "price": "2"}', "page"),
    ],
)
def test_tariff_when_two_components_count_the_same_then_it_is_refused(
    components: str, what: str
) -> None:
    """Lines of one price must be told apart by kind and meter."""
    with pytest.raises(InvalidDocument, match=f"counts the same {what} as components"):
        compile_catalogue(with_component(components))


def test_tariff_when_it_has_too_many_components_then_it_is_refused() -> None:
    """A price is computed per event group, so its length has a limit."""
    many = ", ".join(
        f'{{"kind": "volume", "meter": "m{index}", "price": "1"}}' for index in range(65)
    )
    with pytest.raises(InvalidDocument, match="more than 64"):
        compile_catalogue(with_component(many))
