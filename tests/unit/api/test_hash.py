"""What makes two money requests the same request."""

from api.asking import hash_of_request

BODY: dict[str, str | int] = {"member": "ann", "amount_micros": 10, "currency": "KRW"}
ROUTE = "/v1/wallets/{member}/top-ups"


def test_hash_when_fields_stand_in_another_order_then_the_same() -> None:
    """The form of the body does not matter, what it says does."""
    turned = dict(reversed(list(BODY.items())))
    assert hash_of_request("POST", ROUTE, "tv", BODY) == hash_of_request(
        "POST", ROUTE, "tv", turned
    )


def test_hash_when_any_part_differs_then_another() -> None:
    """Method, path, tenant and each field count."""
    hashes = {
        hash_of_request("POST", ROUTE, "tv", BODY),
        hash_of_request("PUT", ROUTE, "tv", BODY),
        hash_of_request("POST", "/v1/transfers", "tv", BODY),
        hash_of_request("POST", ROUTE, "fm", BODY),
        hash_of_request("POST", ROUTE, "tv", BODY | {"member": "bob"}),
        hash_of_request("POST", ROUTE, "tv", BODY | {"amount_micros": 11}),
        hash_of_request("POST", ROUTE, "tv", BODY | {"currency": "USD"}),
    }
    assert len(hashes) == 7
    assert {len(each) for each in hashes} == {16}
