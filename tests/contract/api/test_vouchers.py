"""Prepaid cards over HTTP: redeemed once, guessed at in vain, and told of by batch."""

import asyncio
import logging
from typing import Any

import pytest

from schemas.card_orders import CloseCards
from schemas.cards import NOBODY
from schemas.commands import Command
from schemas.moment import DAY_MS, HOUR_MS
from schemas.pins import shown
from tests.contract.api.carding import FACE, make, pins
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.contract.api.shards import NOW_MS, SHARDS
from tests.support.bench_shard import WON

PATH = "/v1/wallets/{}/voucher-redemptions"


async def order(
    api: Api, what: str, first: int, last: int, *, name: str = "o1", batch: str = "spring"
) -> dict[str, Any]:
    """Activates, blocks or unblocks."""
    url = f"/v1/card-batches/{batch}/{what}"
    headers = bearer("operator") | {"Idempotency-Key": name}
    answer = await api.http.post(url, json={"first": first, "last": last}, headers=headers)
    if answer.status_code >= 400:
        return {"problem": problem_of(answer)}
    found: dict[str, Any] = answer.json()
    return found


async def redeem(
    api: Api, pin: str, *, member: str = "ann", name: str = "v1", key: str = "desk", **body: str
) -> tuple[int, dict[str, Any]]:
    """Asks for a card's money; a problem's word where there is one."""
    headers = bearer(key) | {"Idempotency-Key": name}
    answer = await api.http.post(PATH.format(member), json={"pin": pin} | body, headers=headers)
    if answer.status_code >= 400:
        word = problem_of(answer)[1]
        return answer.status_code, {"word": word, "wait": answer.headers.get("Retry-After")}
    return answer.status_code, answer.json()


@pytest.fixture
async def cards(api: Api) -> list[str]:
    """Ten cards on sale."""
    made = pins(10)
    await make(api, made)
    await order(api, "activations", 1, 10)
    return made


async def test_card_when_redeemed_then_the_wallet_has_it_and_says_which(
    api: Api, cards: list[str]
) -> None:
    """As it is printed or typed; the same key gives the same answer, and a PIN is nowhere."""
    status, said = await redeem(api, shown(cards[2]).lower())
    assert (status, said["card"], said["amount_micros"]) == (201, "spring/000003", FACE * WON)
    assert (said["posted_micros"], said["lot"], said["only"]) == (FACE * WON, 1, None)
    assert said["expires_at"] == "2027-02-14T08:00:00.000Z"
    assert await redeem(api, cards[2]) == (status, said)
    wallet = await api.get("/v1/wallets/ann")
    assert wallet.json()["posted_micros"] == FACE * WON
    newest = (await api.get("/v1/wallets/ann/entries")).json()["entries"][0]
    assert (newest["cause"], newest["reference"], newest["id"]) == (
        "card_redeemed", "spring/000003", said["id"],
    )  # fmt: skip
    assert cards[2] not in repr(api.shards.appended)


async def test_key_when_it_named_another_card_then_the_request_is_refused(
    api: Api, cards: list[str]
) -> None:
    """Wherever the other card lives, and whatever became of the first."""
    assert (await redeem(api, cards[0]))[0] == 201
    for pin in cards[1:]:
        assert await redeem(api, pin) == (409, {"word": "idempotency-key-reused", "wait": None})
    await redeem(api, pins(1, seed=9)[0], name="guess")
    assert (await redeem(api, cards[1], name="guess"))[1]["word"] == "idempotency-key-reused"
    assert (await redeem(api, cards[1], name="v2"))[0] == 201


async def test_card_when_a_hundred_members_try_it_at_once_then_one_has_it(
    api: Api, cards: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """One 201, the others are told that it was redeemed."""
    caplog.set_level(logging.DEBUG)
    answers = await asyncio.gather(
        *(redeem(api, cards[0], member=f"m{n}", client_address=f"10.0.{n}.1") for n in range(100))
    )
    done = [said for status, said in answers if status == 201]
    words = {said["word"] for status, said in answers if status == 422}
    assert (len(done), words) == (1, {"voucher-redeemed"})
    assert cards[0] not in caplog.text


@pytest.mark.parametrize(
    ("orders", "word"),
    [
        ([("blocks", 1, 5)], "voucher-blocked"),
        ([("blocks", 1, 5), ("unblocks", 1, 1)], None),
    ],
)
async def test_card_when_it_is_blocked_then_it_waits_until_it_is_let_go(
    api: Api, cards: list[str], orders: list[tuple[str, int, int]], word: str | None
) -> None:
    """Serial 1."""
    for number, each in enumerate(orders):
        await order(api, *each, name=f"x{number}")
    _, said = await redeem(api, cards[0])
    assert said.get("word") == word


async def test_card_when_it_is_not_on_sale_or_too_late_then_it_is_refused(api: Api) -> None:
    """Before it was sold; and after its batch expired."""
    made = pins(2)
    await make(api, made)
    assert (await redeem(api, made[0]))[1]["word"] == "voucher-inactive"
    await order(api, "activations", 1, 2)
    api.clock.now_ms = NOW_MS + DAY_MS
    assert (await redeem(api, made[0], name="v2"))[1]["word"] == "voucher-expired"


async def test_pin_when_mistyped_or_of_nobody_then_says_so(api: Api, cards: list[str]) -> None:
    """A typing error is found before anything is asked, and is no guess."""
    wrong = cards[0][:-1] + ("0" if cards[0][-1] != "0" else "1")
    for _ in range(20):
        assert (await redeem(api, wrong))[1]["word"] == "voucher-invalid"
    assert (await redeem(api, "x" * 65))[1]["word"] == "invalid-request"
    assert (await redeem(api, cards[0], client_address="home"))[1]["word"] == "address-invalid"
    assert (await redeem(api, cards[0], key="reader"))[0] == 403
    # Another tenant's card is no card here.
    assert (await redeem(api, cards[0], key="other"))[1]["word"] == "voucher-unknown"
    assert (await redeem(api, cards[0]))[0] == 201


async def test_pin_when_guessed_wrong_too_often_then_even_the_right_one_waits(
    api: Api, cards: list[str]
) -> None:
    """For the member and the address; another member of another address goes on."""
    guesses = iter(pins(100, seed=3))
    for number in range(3):
        status, said = await redeem(
            api, next(guesses), name=f"g{number}", client_address="192.0.2.1"
        )
        assert (status, said["word"]) == (422, "voucher-unknown")
    status, said = await redeem(api, cards[0], name="right", client_address="198.51.100.9")
    assert (status, said["word"]) == (429, "voucher-throttled")
    assert 0 < int(said["wait"]) <= HOUR_MS // 1_000
    # A repeat of what was answered is answered, and no guess.
    assert (await redeem(api, next(iter(pins(1, seed=3))), name="g0"))[1]["word"] == (
        "voucher-unknown"
    )
    bob = {"member": "bob", "client_address": "192.0.2.1"}
    assert (await redeem(api, next(guesses), name="b0", **bob))[1]["word"] == "voucher-unknown"
    assert (await redeem(api, cards[0], name="b1", **bob))[0] == 429
    assert (await redeem(api, cards[0], name="b2", member="bob", client_address="::1"))[0] == 201


async def test_guesses_when_sent_at_once_then_no_more_than_the_bound_are_looked_for(
    api: Api, cards: list[str]
) -> None:
    """Those beyond it are told to wait, and nothing of them is in a log."""
    answers = await asyncio.gather(
        *(redeem(api, pin, name=f"g{n}") for n, pin in enumerate(pins(40, seed=4)))
    )
    looked = [said for status, said in answers if status == 422]
    assert 1 <= len(looked) <= 3
    assert {status for status, _ in answers} == {422, 429}
    assert cards


async def test_redemption_when_the_money_is_on_its_way_then_asking_again_waits_for_it(
    api: Api, cards: list[str]
) -> None:
    """503 until it is there; the same key tells how it ended."""
    api.shards.holds_legs = True
    assert (await redeem(api, cards[0]))[0] == 503
    assert (await redeem(api, cards[0]))[0] == 503
    api.shards.holds_legs = False
    await api.shards.release_legs()
    assert (await redeem(api, cards[0]))[0] == 201


async def test_batch_when_asked_for_then_tells_what_it_came_to(api: Api) -> None:
    """Made, on sale, redeemed, blocked, expired, written off, and what is owed."""
    made = pins(10)
    await make(api, made)
    assert (await order(api, "activations", 1, 6)) == {"batch": "spring", "cards": 6}
    assert (await order(api, "activations", 1, 6)) == {"batch": "spring", "cards": 6}
    assert (await order(api, "activations", 1, 7)) == {"problem": (409, "idempotency-key-reused")}
    assert (await order(api, "activations", 4, 7, name="o2"))["cards"] == 1
    assert (await order(api, "blocks", 7, 10, name="o3"))["cards"] == 4
    await redeem(api, made[0])
    said = (await api.get("/v1/card-batches/spring", key="operator")).json()
    names = ("made", "activated", "redeemed", "blocked", "expired")
    assert [said[name] for name in names] == [10, 7, 1, 4, 0]
    assert (said["owed_micros"], said["redeemed_micros"]) == (6 * FACE * WON, FACE * WON)
    api.clock.now_ms = NOW_MS + DAY_MS
    for shard in range(SHARDS):
        body = CloseCards("spring")
        await api.shards.append(shard, Command("tv", NOBODY, "c", b"", 2**60, "ops", body))
    said = (await api.get("/v1/card-batches/spring", key="operator")).json()
    assert (said["expired"], said["written_off"], said["owed_micros"]) == (6, 6, 0)
    listed = await api.get("/v1/card-batches", key="operator")
    assert listed.json() == {"batches": ["spring"]}
    assert (await api.get("/v1/card-batches", key="other")).json() == {"batches": []}


async def test_batch_when_nobody_made_it_then_there_is_none(api: Api, cards: list[str]) -> None:
    """Neither a report nor an order; and only operators ask."""
    assert cards
    for key in ("operator", "other"):
        answer = await api.get("/v1/card-batches/summer", key=key)
        assert problem_of(answer) == (404, "batch-unknown")
    assert await order(api, "blocks", 1, 1, name="x", batch="summer") == {
        "problem": (404, "batch-unknown")
    }
    assert await order(api, "blocks", 2, 1, name="y") == {"problem": (422, "serials-invalid")}
    assert (await api.get("/v1/card-batches/spring", key="desk")).status_code == 403


async def test_secret_when_another_is_newer_then_cards_of_both_are_known(api: Api) -> None:
    """The PIN's first symbol says which."""
    old, new = pins(1, series="A")[0], pins(1, series="B")[0]
    await make(api, [old, new])
    await order(api, "activations", 1, 2)
    assert (await redeem(api, old))[0] == 201
    assert (await redeem(api, new, name="v2"))[0] == 201
    assert (await redeem(api, pins(1, series="Z")[0], name="v3"))[1]["word"] == "voucher-unknown"


async def test_guess_when_its_answer_came_late_then_it_counts_once_it_is_known(
    api: Api, cards: list[str]
) -> None:
    """Asked again and again, it is one; the member has two more."""
    first, *more = pins(3, seed=5)
    api.shards.holds_legs = True
    assert (await redeem(api, first, name="late"))[0] == 503
    api.shards.holds_legs = False
    await api.shards.release_legs()
    for _ in range(3):
        assert (await redeem(api, first, name="late"))[1]["word"] == "voucher-unknown"
    for number, pin in enumerate(more):
        assert (await redeem(api, pin, name=f"g{number}"))[0] == 422
    assert (await redeem(api, cards[0]))[0] == 429
