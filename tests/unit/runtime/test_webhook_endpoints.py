"""The file of webhook endpoints: what may stand in it, and that no secret leaves it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.webhooks import ENDPOINTS_MAX, endpoints_from_file
from schemas.errors import InvalidDocument

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GOOD: dict[str, Any] = {
    "id": "tv-hooks",
    "tenant": "demo",
    "sources": ["tv"],
    "url": "https://tv.example/ncash",
    "secrets": [SECRET],
}


def _file(folder: Path, document: object) -> Path:
    path = folder / "webhooks.json"
    path.write_bytes(msgspec.json.encode(document))
    return path


def test_endpoints_when_read_then_say_who_hears_what(tmp_path: Path) -> None:
    """Tenant and source decide; a star is any source of the tenant."""
    every = GOOD | {"id": "all", "sources": ["*"], "secrets": [SECRET, SECRET]}
    one, both = endpoints_from_file(_file(tmp_path, [GOOD, every]))
    asked = [("demo", "tv"), ("demo", "web"), ("other", "tv")]
    assert [one.hears(*each) for each in asked] == [True, False, False]
    assert [both.hears(*each) for each in asked] == [True, True, False]
    assert [len(each.keys()) for each in (one, both)] == [1, 2]


def test_endpoint_when_shown_then_its_secret_is_not(tmp_path: Path) -> None:
    """Neither in a log line nor in a traceback's values, and the path of its URL neither."""
    [endpoint] = endpoints_from_file(_file(tmp_path, [GOOD]))
    assert "whsec" not in repr(endpoint) + str(endpoint) + f"{[endpoint]}"
    assert "ncash" not in repr(endpoint)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": "no spaces"}, "id: 1 to 64"),
        ({"tenant": ""}, "tenant is empty"),
        ({"sources": []}, "sources is empty"),
        ({"sources": ["\x00"]}, "sources holds a control"),
        ({"url": "ftp://tv.example"}, "url is not https"),
        ({"url": "https://"}, "url is not https"),
        ({"url": "https://user:password@tv.example/"}, "holds a user"),
        ({"url": "https://tv.example:no/"}, "cannot be read"),
        ({"url": "https://tv.example/" + "x" * 2_048}, "longer than"),
        ({"secrets": []}, "secrets: 1 to 2"),
        ({"secrets": [SECRET] * 3}, "secrets: 1 to 2"),
        ({"secrets": ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}, r"secrets\[0\]: it is not 'whsec_'"),
        ({"secrets": ["whsec_MfKQ9r8G"]}, r"secrets\[0\]: it is not 'whsec_'"),
        ({"secrets": ["whsec_not base64!"]}, r"secrets\[0\]: it is not base64"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_endpoint_when_something_is_wrong_then_the_place_is_named_and_no_secret(
    tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    """A message can be shown to anybody."""
    with pytest.raises(InvalidDocument, match=why) as fault:
        endpoints_from_file(_file(tmp_path, [GOOD | change]))
    assert "MfKQ9" not in str(fault.value)
    assert "password@" not in str(fault.value)


def test_file_when_too_many_or_twice_or_missing_then_is_refused(tmp_path: Path) -> None:
    """Each endpoint costs a reader of its own; two of one name would share it."""
    many = [GOOD | {"id": f"hooks-{each}"} for each in range(ENDPOINTS_MAX + 1)]
    for document, why in [(many, "at most"), ([GOOD, GOOD], "twice"), ({"a": 1}, "array")]:
        with pytest.raises(InvalidDocument, match=why):
            endpoints_from_file(_file(tmp_path, document))
    with pytest.raises(InvalidDocument, match="No such file"):
        endpoints_from_file(tmp_path / "nothing.json")
