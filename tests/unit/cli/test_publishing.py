"""Putting tenants into a catalogue that is in force."""

from cli.publishing import with_tenants
from schemas.catalogue import Tenant, document_from_json


def test_tenants_when_put_into_a_catalogue_then_the_others_stay() -> None:
    """A tenant of the same id gives way, every other one stays as it was."""
    latest = b'{"tenants": [{"id": "tv", "currency": "KRW"}, {"id": "fm", "currency": "USD"}]}'
    body = b'{"tenants": [{"id": "fm", "currency": "USD", "credit_limit": "5"}]}'
    assert with_tenants(None, body) == body
    assert document_from_json(with_tenants(latest, body)).tenants == [
        Tenant(id="tv", currency="KRW"),
        Tenant(id="fm", currency="USD", credit_limit="5"),
    ]
