"""Entries in words over HTTP: what the shards really posted, in both languages."""

import pytest

from schemas.moment import DAY_MS, text_from_ms
from tests.contract.api.conftest import Api, bearer
from tests.contract.api.shards import NOW_MS
from tests.contract.api.test_credits import give
from tests.contract.api.test_holds import name_of, place, post
from tests.contract.api.test_passes import buy, cancel
from tests.contract.api.test_transfers import send
from tests.support.bench_shard import event, tick

KOREAN_DAYS = [f"2027년 1월 {day}일 08:00" for day in (15, 16, 17)]
EVERYTHING = {
    "en": [
        "Returned, as eve could not receive it: wallet full",
        "Sent to eve: gift",
        "Sent to bob: lunch",
        "Taken from money set aside: order-1",
        "Points expired on 16 Jan 2027, 08:00 UTC",
        "Day pass for Film Club renewed, from 16 Jan 2027, 08:00 to 17 Jan 2027, 08:00 UTC",
        "Day pass for Film Club bought, from 15 Jan 2027, 08:00 to 16 Jan 2027, 08:00 UTC",
        "Points received: quest",
        "Top-up",
    ],
    "ko": [
        "eve님이 받을 수 없어 반환됨 (지갑 한도 초과)",
        "eve님에게 보냄 (gift)",
        "bob님에게 보냄 (lunch)",
        "예약 금액에서 결제 (order-1)",
        "포인트 소멸 (2027년 1월 16일 08:00(UTC) 유효기간 만료)",
        f"Film Club 일일 이용권 자동 갱신 ({KOREAN_DAYS[1]}부터 {KOREAN_DAYS[2]}까지(UTC))",
        f"Film Club 일일 이용권 구매 ({KOREAN_DAYS[0]}부터 {KOREAN_DAYS[1]}까지(UTC))",
        "포인트 지급 (quest)",
        "충전",
    ],
}
USE = {
    "en": [
        "Given back 50 won: 10 s less of lost at 5 won a second; 50 won of it paid what was owed",
        "10 s of lost at 5 won a second from 00:00:50 UTC; 50 won of it went into debt",
        "2 pages in book at 10 won a page; 20 won of it went into debt",
        "Day pass for daily, 1 Jan 1970; 3,000 won of it went into debt",
        "1 × quiz in news at 760 won each; 190 won of it went into debt",
        "4 s of news at 30 won a second from 00:00:10 UTC",
        "10 s of news at 30 won a second from 00:00 UTC",
        "Top-up",
    ],
    "ko": [
        "50원 환불: lost 사용 10초 취소 (1초당 5원) (미납금 50원 상환 포함)",
        "lost을(를) 10초 사용 (00:00:50(UTC)부터, 1초당 5원) (미납 50원 포함)",
        "book에서 2쪽 넘김 (쪽당 10원) (미납 20원 포함)",
        "daily 일일 이용권 (1970년 1월 1일) (미납 3,000원 포함)",
        "news에서 quiz 1개 사용 (개당 760원) (미납 190원 포함)",
        "news을(를) 4초 사용 (00:00:10(UTC)부터, 1초당 30원)",
        "news을(를) 10초 사용 (00:00(UTC)부터, 1초당 30원)",
        "충전",
    ],
}


async def words(api: Api, path: str, lang: str) -> list[str]:
    """The words of a member's entries, newest first."""
    answer = await api.get(path, lang=lang)
    assert answer.status_code == 200
    assert answer.headers["content-language"] == lang
    return [each["words"] for each in answer.json()["entries"]]


@pytest.mark.parametrize("lang", EVERYTHING)
async def test_entries_when_money_moved_in_every_way_then_each_is_told(api: Api, lang: str) -> None:
    """Top-up, points, passes, expiry, capture, transfers there and back, as they were posted."""
    await api.top_up("1000")
    await api.top_up("9007199254.740991", member="eve")
    expires = text_from_ms(NOW_MS + DAY_MS)
    await give(api, "70", bucket="points", expires_at=expires, reference="quest")
    await buy(api)
    for at_ms in (NOW_MS, NOW_MS + DAY_MS):
        await api.shards.everywhere(tick(at_ms / 1_000))
    passes = (await api.get("/v1/wallets/ann/passes")).json()["passes"]
    renewing = next(each["id"] for each in passes if each["renews"])
    assert (await cancel(api, renewing)).status_code == 200
    await api.shards.everywhere(tick((NOW_MS + 3 * DAY_MS) / 1_000))
    _, held = await place(api, "20", reference="order-1")
    status, _ = await post(api, f"/{name_of(held)}/capture", {"amount": "20"}, "c2")
    assert status == 200
    await send(api, "60", memo="lunch")
    await send(api, "5", name="s2", memo="gift", to="eve")
    assert await words(api, "/v1/wallets/ann/entries", lang) == EVERYTHING[lang]
    said = {"en": "Received from ann: lunch", "ko": "ann님에게서 받음 (lunch)"}[lang]
    assert await words(api, "/v1/wallets/bob/entries", lang) == [said]


@pytest.mark.parametrize("lang", USE)
async def test_entries_when_used_then_each_is_told_by_its_lines(api: Api, lang: str) -> None:
    """Time in two parts, an item into debt, a pass by use, pages, and a session given back."""
    await api.top_up("990")
    await api.shards.use(event("session.start", 0))
    await api.shards.use(event("session.heartbeat", 10))
    await api.shards.use(event("session.stop", 14))
    await api.shards.use(event("item.use", 20, session=None, item="quiz"))
    await api.shards.use(event("session.start", 30, session="d1", content="daily"))
    pages = [
        event("page.move", 40 + n, id=f"p{n}", session="b1", content="book", direction="forward")
        for n in range(2)
    ]
    await api.shards.use(event("session.start", 39, session="b1", content="book"), *pages)
    await api.shards.use(event("session.start", 50, session="l1", content="lost"))
    await api.shards.use(event("session.heartbeat", 60, session="l1", content="lost"))
    await api.shards.use(event("session.error", 60, session="l1", content="lost"))
    assert await words(api, "/v1/wallets/ann/entries", lang) == USE[lang]


async def test_words_when_the_header_asks_then_in_its_language(api: Api) -> None:
    """Without the parameter the browser's languages count, and caches are told so."""
    await api.top_up("10", reference="bank-1")
    for wished, lang, said in (
        ("ko-KR,ko;q=0.9,en;q=0.5", "ko", "충전 (bank-1)"),
        ("fr", "en", "Top-up: bank-1"),
    ):
        headers = bearer("reader") | {"Accept-Language": wished}
        answer = await api.http.get("/v1/wallets/ann/entries", headers=headers)
        assert answer.headers["content-language"] == lang
        assert answer.headers["vary"] == "Accept-Language"
        assert [each["words"] for each in answer.json()["entries"]] == [said]


async def test_words_when_the_language_is_not_spoken_then_unprocessable(api: Api) -> None:
    """A language that there is not is a mistake of the caller's, told as such."""
    await api.top_up()
    assert (await api.get("/v1/wallets/ann/entries", lang="tlh")).status_code == 422


async def test_session_when_shown_then_its_charges_are_told(api: Api) -> None:
    """So far while it goes on, whole when it is over; in lists of closed ones not at all."""
    await api.top_up()
    await api.shards.use(event("session.start", 0), event("session.heartbeat", 10))
    url = "/v1/sessions/vod/s1"
    live = (await api.get(url, subject="ann", lang="ko")).json()
    assert live["words"] == "현재까지 news을(를) 10초 사용 (00:00(UTC)부터, 1초당 30원)"
    await api.shards.use(event("session.stop", 14))
    closed = (await api.get(url, lang="en")).json()
    assert closed["words"] == "14 s of news at 30 won a second from 00:00 UTC"
    assert closed["charges"][0]["quantity"] == 14_000
    (listed,) = (await api.get("/v1/sessions", state="closed")).json()["sessions"]
    assert (listed["words"], listed["charges"]) == (None, None)


async def test_lot_and_event_when_shown_then_their_transfers_are_told(api: Api) -> None:
    """Where money came from and where an event's charge went have the same words."""
    await api.top_up("1000")
    await api.shards.use(event("session.start", 0))
    await api.shards.use(event("session.heartbeat", 10, id="e2"))
    lot = (await api.get("/v1/wallets/ann/lots/1", lang="ko")).json()
    assert lot["came_by"]["words"] == "충전"
    way = (await api.get("/v1/events/vod/e2", subject="ann", lang="ko")).json()
    told = "news을(를) 10초 사용 (00:00(UTC)부터, 1초당 30원)"
    assert way["transfer"]["words"] == told
    assert way["session"]["words"] == f"현재까지 {told}"
