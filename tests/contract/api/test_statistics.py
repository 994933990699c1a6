"""Usage statistics: grouping, periods, pages, and what cannot be asked."""

import pytest

from tests.contract.api.conftest import Api, problem_of
from tests.support.bench_shard import WON, event

PATH = "/v1/statistics/usage"


async def _use(api: Api) -> None:
    for number, content in enumerate(("news", "news", "book")):
        fields = {"subject": f"m{number}", "session": f"s{number}", "content": content}
        at_s = 3_600 * number
        if content == "book":
            await api.shards.use(event("page.move", at_s, direction="forward", **fields))
        else:
            await api.shards.use(
                event("session.start", at_s, **fields), event("session.stop", at_s + 10, **fields)
            )


async def test_usage_when_by_content_then_one_row_each(api: Api) -> None:
    """Quantities and money are summed per group."""
    await _use(api)
    body = (await api.get(PATH, key="analyst", by="content")).json()
    rows = {each["group"]["content"]: each for each in body["rows"]}
    assert rows["news"]["charged"] == {"amount": "600", "currency": "KRW"}
    assert (rows["news"]["events"], rows["news"]["duration_ms"]) == (4, 20_000)
    assert [(each["kind"], each["charged_micros"]) for each in rows["news"]["charges"]] == [
        ("time", 600 * WON)
    ]
    assert rows["book"]["charged_micros"] == 10 * WON
    assert rows["book"]["meters"] == {"page:forward": 1}
    assert body["as_known_up_to"] is not None


async def test_usage_when_by_hour_and_member_then_periods_are_utc_times(api: Api) -> None:
    """Periods are told by their start, dimensions in the order asked."""
    await _use(api)
    body = (await api.get(PATH, key="analyst", by="hour,member")).json()
    assert [each["group"] for each in body["rows"]] == [
        {"hour": "1970-01-01T00:00:00.000Z", "member": "m0"},
        {"hour": "1970-01-01T01:00:00.000Z", "member": "m1"},
        {"hour": "1970-01-01T02:00:00.000Z", "member": "m2"},
    ]


async def test_usage_when_between_times_then_from_counts_and_to_does_not(api: Api) -> None:
    """The period is half open, and an offset is read as RFC 3339 says."""
    await _use(api)
    span = {"from_": "1970-01-01T10:00:00+09:00", "to": "1970-01-01T02:00:00Z"}
    body = (await api.get(PATH, key="analyst", by="member", **span)).json()
    assert [each["group"]["member"] for each in body["rows"]] == ["m1"]


async def test_usage_when_paged_then_rows_go_on(api: Api) -> None:
    """Pages hold each group once."""
    await _use(api)
    first = (await api.get(PATH, key="analyst", by="member", limit=2)).json()
    rest = await api.get(PATH, key="analyst", by="member", limit=2, cursor=first["next_cursor"])
    rows = first["rows"] + rest.json()["rows"]
    assert [each["group"]["member"] for each in rows] == ["m0", "m1", "m2"]
    assert rest.json()["next_cursor"] is None


async def test_usage_when_filtered_then_only_that(api: Api) -> None:
    """One content or one member can be asked for."""
    await _use(api)
    body = (await api.get(PATH, key="analyst", by="", content="news", member="m1")).json()
    assert [(each["group"], each["charged_micros"]) for each in body["rows"]] == [({}, 300 * WON)]


async def test_usage_when_there_is_none_or_another_tenants_then_empty(api: Api) -> None:
    """No use is an empty page; another tenant's use is none."""
    assert (await api.get(PATH, key="analyst")).json()["rows"] == []
    await _use(api)
    assert (await api.get(PATH, key="other")).json()["rows"] == []


@pytest.mark.parametrize(
    ("params", "status", "word"),
    [
        ({"by": "colour"}, 422, "dimension-unknown"),
        ({"by": "content,content"}, 422, "dimension-unknown"),
        ({"by": "content,"}, 422, "dimension-unknown"),
        ({"from_": "yesterday"}, 422, "period-invalid"),
        ({"to": "2026-01-01T00:00:00"}, 422, "period-invalid"),
        ({"from_": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422, "period-invalid"),
        ({"from_": "1990-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422, "period-invalid"),
        ({"limit": "many"}, 422, "invalid-request"),
        ({"cursor": "nonsense"}, 400, "cursor-invalid"),
    ],
)
async def test_usage_when_asked_wrongly_then_a_problem(
    api: Api, params: dict[str, str], status: int, word: str
) -> None:
    """Every wrong parameter is told by a stable word."""
    assert problem_of(await api.get(PATH, key="analyst", **params)) == (status, word)
