"""Consent: which events count, what limits allow, and what a revocation does."""

from collections.abc import Iterator
from typing import Protocol

import pytest

from schemas.commands import Outcome
from schemas.consent import Consent, ConsentTerms
from schemas.control import SignalKind
from tests.support.bench_shard import WON, Bench, event, frame, tick, top_up
from tests.support.consenting import asking, grant, mandate, revoke, token, won
from wallet.consents import MANDATES_MAX, TOKENS_MAX


def reasons(bench: Bench) -> list[str]:
    """Why events were refused, in order."""
    return [letter.reason for letter in bench.dead()]


def told(bench: Bench) -> list[tuple[str, str]]:
    """Signals with their sessions."""
    return [(each.signal, each.session) for each in bench.signals()]


class Fresh(Protocol):
    """Makes a bench whose catalogue asks for consent, with money in the wallet."""

    def __call__(self, default: str = "none", /, *, paid: int = 100_000, **asks: str) -> Bench:
        """One bench; it is closed after the test."""
        ...


@pytest.fixture
def fresh() -> Iterator[Fresh]:
    """Makes benches, and closes them."""
    made: list[Bench] = []

    def make(default: str = "none", /, *, paid: int = 100_000, **asks: str) -> Bench:
        bench = Bench(asking(default, **asks))
        made.append(bench)
        bench.feed(top_up(paid))
        return bench

    yield make
    for bench in made:
        bench.close()


ASKED = [
    ("token", token(), None), ("token", mandate(), "consent-missing"),
    ("token", None, "consent-missing"), ("mandate", token(), "consent-missing"),
    ("mandate", mandate(), None),
    ("mandate", mandate("other"), "consent-unknown"), ("either", token(), None),
    ("either", mandate(), None), ("either", None, "consent-missing"), ("none", None, None),
    ("none", mandate("other"), None),
]  # fmt: skip


@pytest.mark.parametrize(("require", "consent", "reason"), ASKED)
def test_session_when_it_begins_then_needs_what_its_content_asks(
    fresh: Fresh, require: str, consent: Consent | None, reason: str | None
) -> None:
    """A start counts with a consent of a kind that is asked for, else it leaves a dead letter."""
    bench = fresh("either", news=require)
    bench.feed(grant())
    bench.feed(frame(event("session.start", 1, consent=consent)))
    assert reasons(bench) == ([] if reason is None else [reason])
    assert len(bench.usage()) == (reason is None)


def test_session_when_begun_with_consent_then_its_events_need_none(fresh: Fresh) -> None:
    """The session remembers its consent, and its CDR names it."""
    bench = fresh(news="token")
    bench.feed(frame(event("session.start", 1, consent=token("j9"))))
    bench.feed(frame(event("session.heartbeat", 3), event("session.stop", 5)))
    assert reasons(bench) == []
    [cdr] = bench.cdrs()
    assert cdr.charged_micros == won(120)
    assert cdr.evidence.endswith("; token:j9")


def test_session_when_its_start_is_lost_then_begins_with_the_first_event_that_has_consent(
    fresh: Fresh,
) -> None:
    """Heartbeats without it are refused, and what was refused may come again."""
    bench = fresh(news="token")
    bench.feed(frame(event("session.heartbeat", 1), event("session.heartbeat", 2)))
    bench.feed(frame(event("session.heartbeat", 3, consent=token())))
    bench.feed(frame(event("session.heartbeat", 2), event("session.stop", 5)))
    assert reasons(bench) == ["consent-missing"] * 2
    [cdr] = bench.cdrs()
    assert (cdr.start_ms, cdr.charged_micros) == (2_000, won(90))


@pytest.mark.parametrize(("default", "expected"), [("either", ["consent-missing"]), ("none", [])])
def test_session_when_its_content_is_unknown_then_the_tenant_decides(
    fresh: Fresh, default: str, expected: list[str]
) -> None:
    """Before a content is named, what the tenant asks for counts; with the content its own."""
    bench = fresh(default, news="token")
    bench.feed(frame(event("session.heartbeat", 1, content=None)))
    bench.feed(frame(event("session.start", 2)))
    assert reasons(bench) == [*expected, "consent-missing"]
    bench.feed(frame(event("session.heartbeat", 3, consent=token())))
    assert len(reasons(bench)) == len(expected) + 1
    assert bench.transfers()[1:] == [] or bench.transfers()[-1].session == "s1"


def test_session_when_begun_before_anybody_asked_then_goes_on(bench: Bench) -> None:
    """A new catalogue binds sessions that begin under it, not those that are open."""
    bench.feed(top_up(1_000), frame(event("session.start", 1)))
    bench.publish(asking("token"))
    bench.feed(frame(event("session.heartbeat", 3)))
    bench.feed(frame(event("session.start", 4, session="s2")))
    assert reasons(bench) == ["consent-missing"]
    assert bench.usage()[-1].id.startswith("session.heartbeat")


def test_consent_when_asked_for_within_one_batch_then_is_loaded(bench: Bench) -> None:
    """A catalogue and the first use under it may come together."""
    bench.feed(grant())
    bench.reload()
    body = asking("either")
    bench.publish(body)
    bench.reload()
    bench.feed(frame(event("session.start", 1, consent=mandate())))
    assert reasons(bench) == []


OUTSIDE = [
    (ConsentTerms(contents=("web",)), "consent-outside"),
    (ConsentTerms(contents=("news", "web")), None),
    (ConsentTerms(providers=("site",)), "consent-outside"),
    (ConsentTerms(providers=("kbs",)), None),
    (ConsentTerms(sources=("fm",)), "consent-outside"),
    (ConsentTerms(sources=("vod",)), None),
    (ConsentTerms(from_ms=1_001), "consent-outside"),
    (ConsentTerms(from_ms=1_000), None),
    (ConsentTerms(until_ms=1_000), "consent-outside"),
    (ConsentTerms(until_ms=1_001), None),
    (ConsentTerms(max_micros=0), "consent-exhausted"),
    (ConsentTerms(day_max_micros=0), "consent-exhausted"),
    (ConsentTerms(max_micros=1), None),
]


@pytest.mark.parametrize(("terms", "reason"), OUTSIDE)
@pytest.mark.parametrize("kind", ["mandate", "token"])
def test_session_when_its_consent_does_not_cover_it_then_is_refused(
    fresh: Fresh, kind: str, terms: ConsentTerms, reason: str | None
) -> None:
    """Content, provider, source, time and amounts hold at the start, of either kind."""
    bench = fresh(news="either")
    bench.feed(grant(terms=terms))
    consent = mandate() if kind == "mandate" else token(terms=terms)
    bench.feed(frame(event("session.start", 1, consent=consent)))
    assert reasons(bench) == ([] if reason is None else [reason])


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (ConsentTerms(max_micros=60 * WON), ["consent-exhausted"]),
        (ConsentTerms(session_max_micros=60 * WON), []),
        (ConsentTerms(day_max_micros=60 * WON), ["consent-exhausted"]),
    ],
)
def test_session_when_its_mandate_is_spent_then_is_cut_off_and_all_is_booked(
    fresh: Fresh, limit: ConsentTerms, reason: list[str]
) -> None:
    """Use up to the limit and beyond is charged; the server is told, with each event again."""
    bench = fresh(news="mandate")
    bench.feed(grant(terms=limit))
    bench.feed(frame(event("session.start", 1, consent=mandate())))
    bench.feed(frame(event("session.heartbeat", 2)))
    assert told(bench) == []
    bench.feed(frame(event("session.heartbeat", 3.5)))
    bench.feed(frame(event("session.heartbeat", 4)))
    assert told(bench) == [(SignalKind.CUT_OFF, "s1")] * 2
    bench.feed(frame(event("session.stop", 4.5)))
    [cdr] = bench.cdrs()
    assert (cdr.cause, cdr.charged_micros) == ("cut_off", won(120))
    bench.feed(frame(event("session.start", 6, session="s2", consent=mandate())))
    assert reasons(bench) == reason


def test_token_when_its_amount_is_spent_over_two_sessions_then_both_are_cut(fresh: Fresh) -> None:
    """A token's limit is for all that is used under it."""
    bench = fresh(news="token")
    limited = token("j1", max_micros=won(100))
    bench.feed(frame(event("session.start", 1, consent=limited)))
    bench.feed(frame(event("session.start", 1, session="s2", consent=limited)))
    bench.feed(frame(event("session.heartbeat", 3)))
    bench.feed(frame(event("session.heartbeat", 3, session="s2")))
    assert told(bench) == [(SignalKind.CUT_OFF, "s1"), (SignalKind.CUT_OFF, "s2")]


def test_day_limit_when_the_day_is_over_then_the_session_goes_on(fresh: Fresh) -> None:
    """A limit by day is by UTC day of use; the next one lets it go on."""
    bench = fresh(news="mandate")
    bench.feed(grant(day_max_micros=won(60)))
    day_s = 86_400
    bench.feed(frame(event("session.start", day_s - 4, consent=mandate())))
    bench.feed(frame(event("session.heartbeat", day_s - 2)))
    bench.feed(frame(event("session.heartbeat", day_s + 1)))
    assert [kind for kind, _ in told(bench)] == [SignalKind.CUT_OFF, SignalKind.CUT_OFF]
    bench.feed(grant("m1", key="g2", day_max_micros=won(1_000)))
    assert [kind for kind, _ in told(bench)][2:] == [SignalKind.GO_ON]


@pytest.mark.parametrize(("kind", "consent"), [("mandate", mandate("m1")), ("token", token("m1"))])
def test_consent_when_revoked_then_what_runs_is_cut_and_nothing_begins(
    fresh: Fresh, kind: str, consent: Consent
) -> None:
    """A revocation counts from its place in the log on; what was used is booked."""
    bench = fresh(news="either")
    bench.feed(grant())
    bench.feed(frame(event("session.start", 1, consent=consent)))
    bench.feed(frame(event("session.start", 1, session="other", consent=token("else"))))
    bench.feed(revoke(kind, "m1"))
    result = bench.result("r1")
    assert result is not None
    assert result.outcome == Outcome.DONE
    assert told(bench) == [(SignalKind.CUT_OFF, "s1")]
    bench.feed(top_up(5_000, key="k2"))
    assert told(bench) == [(SignalKind.CUT_OFF, "s1")]
    bench.feed(frame(event("session.heartbeat", 3)))
    assert told(bench) == [(SignalKind.CUT_OFF, "s1")] * 2
    bench.feed(frame(event("session.start", 4, session="s3", consent=consent)))
    assert reasons(bench) == ["consent-revoked"]


def test_token_when_revoked_before_it_was_seen_then_never_counts(fresh: Fresh) -> None:
    """The issuer may take back what nobody has shown yet."""
    bench = fresh(news="token")
    bench.feed(revoke("token", "j1"))
    bench.feed(frame(event("session.start", 1, consent=token())))
    assert reasons(bench) == ["consent-revoked"]


def test_mandate_when_granted_anew_then_counts_from_nothing(fresh: Fresh) -> None:
    """After a revocation the same id is a new permission, whose sums begin at nothing."""
    bench = fresh(news="mandate")
    bench.feed(grant(max_micros=won(60)))
    bench.feed(frame(event("session.start", 1, consent=mandate()), event("session.stop", 4)))
    bench.feed(revoke(), grant(key="g2", max_micros=won(60)))
    bench.feed(frame(event("session.start", 6, session="s2", consent=mandate())))
    assert reasons(bench) == []


def test_wallet_when_filled_then_only_sessions_with_consent_go_on(fresh: Fresh) -> None:
    """Money alone does not make a session go on whose member took the consent back."""
    bench = fresh(paid=30, news="mandate")
    bench.feed(grant(), grant("m2", key="g2"))
    bench.feed(frame(event("session.start", 1, consent=mandate())))
    bench.feed(frame(event("session.start", 1, session="s2", consent=mandate("m2"))))
    bench.feed(frame(event("session.heartbeat", 3)))
    bench.feed(revoke())
    bench.feed(top_up(1_000, key="k2"))
    assert told(bench)[-1] == (SignalKind.GO_ON, "s2")
    assert (SignalKind.GO_ON, "s1") not in told(bench)


def test_server_when_cut_off_for_consent_then_is_not_warned_of_money(fresh: Fresh) -> None:
    """What may not go on at all is not told how long it could."""
    bench = fresh(news="mandate", paid=150)
    bench.feed(grant(), frame(event("session.start", 1, consent=mandate())))
    bench.feed(revoke(), frame(event("session.heartbeat", 3)))
    assert told(bench) == [(SignalKind.CUT_OFF, "s1")] * 2


def test_use_outside_sessions_when_content_asks_then_each_event_needs_consent(fresh: Fresh) -> None:
    """A report or an item alone is refused or counted one by one, within what is left."""
    bench = fresh(web="mandate", news="token")
    bench.feed(grant(max_micros=won(2)))
    meters = {"bytes": 2_000_000}
    reports = [
        event("usage.report", at, session=None, content="web", meters=meters, id=f"r{at}",
              consent=consent)
        for at, consent in enumerate([None, mandate(), mandate(), mandate("x")])
    ]  # fmt: skip
    bench.feed(frame(*reports))
    assert reasons(bench) == ["consent-missing", "consent-exhausted", "consent-unknown"]
    assert [each.id for each in bench.usage()] == ["r1"]


def test_report_when_it_names_a_session_with_consent_then_needs_none(fresh: Fresh) -> None:
    """What a session's member agreed to covers reports of the same session and content."""
    bench = fresh(web="mandate")
    bench.feed(grant(max_micros=won(3)))
    bench.feed(frame(event("session.start", 1, content="web", consent=mandate())))
    bench.feed(frame(event("usage.report", 2, content=None, meters={"bytes": 3_000_000})))
    assert reasons(bench) == []
    assert told(bench) == [(SignalKind.CUT_OFF, "s1")]


def test_pass_when_bought_under_a_mandate_then_counts_as_spent(fresh: Fresh) -> None:
    """A pass that a session needs is paid under the session's consent."""
    bench = fresh(daily="mandate")
    bench.feed(grant(max_micros=won(3_000)))
    bench.feed(frame(event("session.start", 1, content="daily", consent=mandate())))
    bench.feed(frame(event("session.start", 1, content="daily", session="s2", consent=mandate())))
    assert reasons(bench) == ["consent-exhausted"]
    assert told(bench) == [(SignalKind.CUT_OFF, "s1")]


def test_session_when_it_falls_silent_after_a_restart_then_what_it_pays_is_spent(
    fresh: Fresh,
) -> None:
    """A tick loads nothing, so the consents of open sessions are in memory from the start."""
    bench = fresh(again="mandate")
    bench.feed(grant(max_micros=won(3)))
    bench.feed(frame(event("session.start", 1, content="again", consent=mandate())))
    bench.feed(frame(event("session.heartbeat", 2, content="again")))
    bench.reload()
    bench.feed(tick(1), tick(60))
    assert [cdr.charged_micros for cdr in bench.cdrs()] == [won(3)]
    bench.feed(frame(event("session.start", 61, content="again", session="s2", consent=mandate())))
    assert reasons(bench) == ["consent-exhausted"]


def test_mandates_when_there_are_too_many_then_one_must_be_revoked_first(fresh: Fresh) -> None:
    """A member's value in the store is bounded; a revoked one makes room."""
    bench = fresh("mandate")
    bench.feed(*(grant(f"m{n}", key=f"g{n}") for n in range(MANDATES_MAX + 1)))
    last = bench.result(f"g{MANDATES_MAX}")
    assert last is not None
    assert (last.outcome, last.reason) == (Outcome.REFUSED, "consents-full")
    bench.feed(revoke("mandate", "m5"), grant("new", key="again"))
    again = bench.result("again")
    assert again is not None
    assert again.outcome == Outcome.DONE


def test_tokens_when_too_many_have_limits_then_those_long_over_are_forgotten(fresh: Fresh) -> None:
    """Limits of live tokens are kept; one that nobody can use any more makes room."""
    bench = fresh(web="token")
    old_ms = 1_000
    bench.feed(
        frame(
            *(
                event("session.start", 0.5, content="web", session=f"s{n}",
                      consent=token(f"j{n}", max_micros=9, until_ms=old_ms))
                for n in range(TOKENS_MAX)
            )
        )
    )  # fmt: skip
    limited = token("next", max_micros=9)
    bench.feed(frame(event("session.start", 2, content="web", session="a", consent=limited)))
    assert reasons(bench) == ["consent-exhausted"]
    later_s = 32 * 86_400
    bench.feed(frame(event("session.start", later_s, content="web", session="b", consent=limited)))
    assert reasons(bench) == ["consent-exhausted"]


def test_mandate_when_unknown_then_revoking_it_is_refused(fresh: Fresh) -> None:
    """What was never granted cannot be revoked; that is told."""
    bench = fresh("mandate")
    bench.feed(revoke("mandate", "none"))
    result = bench.result("r1")
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "mandate-unknown")


def test_tenant_when_it_asks_for_nothing_then_consents_are_never_loaded(bench: Bench) -> None:
    """Whoever does not use it pays nothing for it."""
    bench.feed(top_up(100), frame(event("session.start", 1, consent=mandate("none"))))
    assert bench._state.consents == {}
    assert len(bench.usage()) == 1
