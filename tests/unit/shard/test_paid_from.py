"""Tariffs that some kinds of money alone may pay, such as those priced in points."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest

from rating.catalogue import compile_catalogue
from schemas.catalogue import document_from_json
from schemas.commands import Command, PlaceHold
from schemas.errors import InvalidDocument
from schemas.grants import Units
from schemas.moment import HOUR_MS
from tests.support.bench_shard import (
    CATALOGUE,
    WON,
    Bench,
    event,
    frame,
    give_credit,
    send,
    top_up,
)
from tests.support.granting import ask, granted, refused

GAME: dict[str, Any] = {
    "id": "game",
    "low_balance": "20",
    "components": [
        {"kind": "time", "price": "10", "per_s": 1},
        {"kind": "item", "prices": {"sword": "70"}},
    ],
    "silence": {"timeout_s": 10},
    "paid_from": ["points"],
}


def with_game(**changes: object) -> dict[str, Any]:
    """The catalogue of the bench with a content that is priced in points."""
    catalogue = deepcopy(CATALOGUE)
    tenant = catalogue["tenants"][0]
    tenant["tariffs"].append({**GAME, **changes})
    tenant["contents"].append({"id": "game", "provider": "studio", "tariff": "game"})
    return catalogue


@pytest.fixture
def game(bench: Bench) -> Bench:
    """A shard that sells it."""
    bench.publish(with_game())
    return bench


def buckets(bench: Bench) -> dict[str, int]:
    """Won by bucket, debt with them."""
    wallet = bench.wallet()
    assert wallet is not None
    found = {lot.bucket: 0 for lot in wallet.lots}
    for lot in wallet.lots:
        found[lot.bucket] += lot.amount_micros // WON
    return found | {"debt": wallet.debt_micros // WON}


def told(bench: Bench) -> list[tuple[str, str, int]]:
    """Signal, content and what was left, in won."""
    return [(s.signal, s.content, s.available_micros // WON) for s in bench.signals()]


def play(to_s: float, *, since: bool = False, **fields: object) -> Any:  # noqa: ANN401 -- a record
    """Use of the game up to a second."""
    kind = "session.heartbeat" if since else "session.start"
    return frame(event(kind, to_s, content="game", **fields))


def test_use_when_points_alone_may_pay_then_cash_is_left_alone(game: Bench) -> None:
    """Points pay 50, though promotions come first and cash is there."""
    game.feed(top_up(1_000), give_credit(100, "g1", bucket="points"), give_credit(40, "g2"))
    game.feed(play(0), play(5, since=True))
    assert buckets(game) == {"promotion": 40, "points": 50, "cash": 1_000, "debt": 0}


def test_use_when_points_run_out_then_its_server_is_told_though_there_is_cash(game: Bench) -> None:
    """Warned at 20, cut off at nothing; what was used beyond is owed, as ever."""
    game.feed(top_up(1_000), give_credit(100, "g1", bucket="points"), play(0))
    game.feed(play(8, since=True))
    game.feed(play(10, since=True))
    assert told(game) == [("low_balance", "game", 20), ("cut_off", "game", 0)]
    game.feed(play(12, since=True))
    assert buckets(game) == {"cash": 1_000, "debt": 20}


def test_sessions_when_one_is_of_points_then_the_other_goes_on_with_cash(game: Bench) -> None:
    """Each is judged by the money that may pay for it; more points let it go on."""
    game.feed(top_up(1_000), give_credit(30, "g1", bucket="points"))
    game.feed(frame(event("session.start", 0, session="s2")), play(0), play(3, since=True))
    assert told(game) == [("cut_off", "game", 0)]
    game.feed(give_credit(500, "g2", bucket="points"))
    assert told(game)[1:] == [("go_on", "game", 500)]


def test_credit_when_points_alone_may_pay_then_is_none_of_them(bench: Bench) -> None:
    """A credit line lets nobody play; what is owed within it does not stop who has points."""
    catalogue = with_game()
    catalogue["tenants"][0]["credit_limit"] = "500"
    bench.publish(catalogue)
    bench.feed(top_up(1), frame(event("item.use", 0, session=None, item="quiz", content="news")))
    assert buckets(bench) == {"debt": 759}
    bench.feed(top_up(300, "k2"), ask(content="game", seconds=2))
    assert refused(bench) == "insufficient-funds"
    bench.feed(give_credit(20, "g1", bucket="points"), ask("a2", content="game", seconds=2))
    assert granted(bench, "a2").units == (Units("time", "s", 2),)


def test_grant_when_of_points_then_they_are_kept_from_other_use(game: Bench) -> None:
    """News would take points before cash; while they are set aside for the game it takes cash."""
    game.feed(top_up(100), give_credit(100, "g1", bucket="points"))
    game.feed(ask(content="game", seconds=10))
    assert granted(game).held_micros == 100 * WON
    game.feed(frame(event("item.use", 1, session=None, item="quiz", content="news")))
    assert buckets(game) == {"debt": 560}, "all money is taken before any is owed"


def test_grant_when_of_points_then_cash_pays_for_other_use_while_there_is_any(game: Bench) -> None:
    """And may be held, or sent, as if there were no grant."""
    game.feed(top_up(1_000), give_credit(100, "g1", bucket="points"))
    game.feed(ask(content="game", seconds=10))
    game.feed(frame(event("item.use", 1, session=None, item="quiz", content="news")))
    assert buckets(game) == {"points": 100, "cash": 240, "debt": 0}
    hold = PlaceHold(240 * WON, "KRW", HOUR_MS)
    game.feed(Command("tv", "ann", "h1", b"h1", 2**50, "shop", hold))
    result = game.result("h1")
    assert result is not None
    assert result.hold is not None
    game.feed(play(0), play(10, since=True))
    assert buckets(game) == {"cash": 240, "debt": 0}


def test_send_when_points_are_set_aside_then_all_cash_may_go(game: Bench) -> None:
    """A grant of points asks for no cash."""
    game.feed(top_up(100), give_credit(100, "g1", bucket="points"))
    game.feed(ask(content="game", seconds=10), send(100))
    assert buckets(game) == {"points": 100, "debt": 0}


def test_send_when_a_session_is_of_points_then_no_cash_stays_for_it(game: Bench) -> None:
    """Its tariff warns at 20 points; that is no reason to keep 20 won."""
    game.feed(top_up(100), give_credit(100, "g1", bucket="points"), play(0))
    game.feed(send(100))
    assert buckets(game) == {"points": 100, "debt": 0}


def test_use_when_priced_again_then_points_come_back_as_points(game: Bench) -> None:
    """What was taken too much goes where it came from."""
    game.publish(with_game(charge_errors=False))
    game.feed(top_up(10), give_credit(100, "g1", bucket="points"), play(0), play(5, since=True))
    assert buckets(game)["points"] == 50
    game.feed(frame(event("session.error", 6, content="game", reason="server")))
    assert buckets(game) == {"points": 100, "cash": 10, "debt": 0}


def test_tariff_when_nothing_may_pay_then_is_refused() -> None:
    """An empty list would make debt of all use."""
    body = with_game(paid_from=[])
    with pytest.raises(InvalidDocument, match=r"tariffs\[game\]\.paid_from: names nothing"):
        compile_catalogue(document_from_json(msgspec.json.encode(body)))
