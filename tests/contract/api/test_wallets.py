"""Wallets and their entries as the API shows them."""

from tests.contract.api.conftest import Api, problem_of
from tests.support.bench_shard import WON, event


async def test_wallet_when_topped_up_and_used_then_shows_cash_and_available(api: Api) -> None:
    """Posted, spendable and available are the top-up less the charge, exact in both forms."""
    await api.top_up("1000.5")
    await api.shards.use(event("session.start", 0), event("session.heartbeat", 10))
    answer = await api.get("/v1/wallets/ann")
    assert answer.status_code == 200
    body = answer.json()
    assert body["posted"] == {"amount": "700.5", "currency": "KRW"}
    assert body["posted_micros"] == 700_500_000
    assert body["spendable_micros"] == body["available_micros"] == 700_500_000
    assert body["held"] == {"amount": "0", "currency": "KRW"}
    assert body["open_sessions"] == 1
    assert [each["bucket"] for each in body["buckets"]] == ["cash", "debt", "credit_line"]


async def test_wallet_when_use_went_beyond_the_cash_then_shows_debt_as_negative(api: Api) -> None:
    """Debt is a signed bucket, and the credit limit counts into what is available."""
    fields = {"subject": "rich"}
    await api.shards.use(
        event("session.start", 0, **fields), event("session.heartbeat", 10, **fields)
    )
    body = (await api.get("/v1/wallets/rich")).json()
    amounts = {each["bucket"]: each["amount_micros"] for each in body["buckets"]}
    assert amounts == {"cash": 0, "debt": -300 * WON, "credit_line": 500 * WON}
    assert body["posted"]["amount"] == "-300"
    assert body["available_micros"] == 200 * WON


async def test_wallet_when_member_is_unknown_then_not_found(api: Api) -> None:
    """Who neither used nor was topped up has no wallet."""
    assert problem_of(await api.get("/v1/wallets/nobody")) == (404, "wallet-unknown")


async def test_wallet_when_of_another_tenant_then_not_found(api: Api) -> None:
    """A key of another tenant sees nothing, whatever its scopes."""
    await api.top_up()
    assert problem_of(await api.get("/v1/wallets/ann", key="other")) == (404, "wallet-unknown")


async def test_wallet_when_member_id_holds_a_slash_then_it_is_one_segment(api: Api) -> None:
    """An encoded slash belongs to the id, also before a further segment."""
    assert (await api.top_up(member="a%2Fentries")).status_code == 201
    body = (await api.get("/v1/wallets/a%2Fentries")).json()
    assert body["member"] == "a/entries"
    entries = (await api.get("/v1/wallets/a%2Fentries/entries")).json()["entries"]
    assert [each["member"] for each in entries] == ["a/entries"]


async def test_wallet_when_member_id_is_unprintable_then_invalid(api: Api) -> None:
    """An id that cannot be one is told so, not looked up."""
    assert problem_of(await api.get("/v1/wallets/a%1Fb")) == (422, "invalid-request")


async def test_wallets_when_paged_then_each_stands_once_and_totals_on_the_first(api: Api) -> None:
    """Pages of any size give the same wallets in the same order, across shards."""
    names = [f"m{i:02d}" for i in range(11)]
    for name in names:
        await api.top_up("10", member=name)
    await api.shards.use(event("session.start", 0, subject="m00", tenant="fm"))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    pages = 0
    while True:
        body = (await api.get("/v1/wallets", key="operator", limit=3, **cursor)).json()
        pages += 1
        seen += [each["member"] for each in body["wallets"]]
        assert (body["totals"] is not None) == (not cursor)
        if pages == 1:
            assert body["totals"][0]["wallets"] == 11
            assert body["totals"][0]["posted_micros"] == 110 * WON
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}
    whole = (await api.get("/v1/wallets", key="operator", limit=400)).json()["wallets"]
    assert sorted(seen) == names
    assert seen == [each["member"] for each in whole]
    assert pages == 4


async def test_wallets_when_there_are_none_then_an_empty_page(api: Api) -> None:
    """No wallets is an answer, not an error."""
    body = (await api.get("/v1/wallets", key="operator")).json()
    assert body == {"wallets": [], "totals": [], "next_cursor": None}


async def test_wallets_when_totals_are_not_wanted_then_left_out(api: Api) -> None:
    """The sum over all wallets costs a pass over all of them, so it can be left out."""
    body = (await api.get("/v1/wallets", key="operator", totals="false")).json()
    assert body["totals"] is None


async def test_entries_when_charged_and_corrected_then_newest_first_with_causes(api: Api) -> None:
    """Every entry tells its cause, its session and price, and what it corrects."""
    await api.top_up("1000")
    await api.shards.use(event("session.start", 0))
    await api.shards.use(event("session.heartbeat", 10))
    body = (await api.get("/v1/wallets/ann/entries")).json()
    charge, top_up = body["entries"]
    assert [charge["cause"], top_up["cause"]] == ["charge", "top_up"]
    assert (charge["source"], charge["session"], charge["content"]) == ("vod", "s1", "news")
    assert charge["tariff"] == "second"
    assert charge["amount"] == {"amount": "-300", "currency": "KRW"}
    assert charge["lines"] == [
        {
            "kind": "time",
            "meter": "ms",
            "quantity": charge["lines"][0]["quantity"],
            "amount": {"amount": "300", "currency": "KRW"},
            "amount_micros": 300 * WON,
            "rate": None,
            "version": None,
            "price": "30/1 s",
            "counted_from": "1970-01-01T00:00:00.000Z",
            "counted_to": "1970-01-01T00:00:10.000Z",
        }
    ]
    (entry,) = charge["entries"]
    assert entry["account"] == "member/ann/cash"
    assert entry["balance_after_micros"] == 700 * WON
    assert charge["corrects"] is None
    assert top_up["id"].split("-")[0] == charge["id"].split("-")[0]
    assert body["as_known_up_to"] == "2027-01-15T08:00:00.000Z"


async def test_entries_when_paged_then_none_is_missed_or_doubled(api: Api) -> None:
    """The cursor goes on right behind the last entry."""
    for number in range(5):
        await api.top_up("1", name=f"k{number}")
    first = (await api.get("/v1/wallets/ann/entries", limit=2)).json()
    rest = await api.get("/v1/wallets/ann/entries", limit=10, cursor=first["next_cursor"])
    ids = [each["id"] for each in first["entries"] + rest.json()["entries"]]
    assert len(set(ids)) == len(ids) == 5
    assert rest.json()["next_cursor"] is None


async def test_entries_when_cursor_is_of_another_list_then_invalid(api: Api) -> None:
    """A cursor counts in its own list only."""
    for member in ("ann", "bob"):
        await api.top_up(member=member)
    page = (await api.get("/v1/wallets", key="operator", limit=1)).json()
    answer = await api.get("/v1/wallets/ann/entries", cursor=page["next_cursor"])
    assert problem_of(answer) == (400, "cursor-invalid")


async def test_entries_when_the_warehouse_is_down_then_unavailable(api: Api) -> None:
    """A part that does not answer is 503 with the time after which to ask again."""
    await api.top_up()
    api.warehouse.is_down = True
    answer = await api.get("/v1/wallets/ann/entries")
    assert problem_of(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
