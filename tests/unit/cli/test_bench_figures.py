"""How benchmarks come to their figures: quantiles, what a probe's debit is, cases and ratios."""

from pathlib import Path

import pytest

from cli.bench.baseline import Baseline
from cli.bench.latency import AtRate
from cli.bench.market import PROBE_MICROS, PROBED
from cli.bench.place import Place
from cli.bench.probes import Heard, Probe, Probes, quantile_ms, spread
from cli.bench.query import Asked
from cli.bench.recover import Kill, first_debits
from cli.bench.scale import Case, cases_of, ratio_of
from runtime.settings import Settings
from schemas.ids import shard_of

MS = 1_000_000
SHARDS = 4


def _probes() -> Probes:
    settings = Settings.model_validate({"shards": SHARDS})
    return Probes(Place(settings, "http://127.0.0.1:1", "", None, Path(), {PROBED: "k"}))


def _sent(probes: Probes, rounds: int) -> list[Probe]:
    """So many probes of every member, due a millisecond after one another."""
    count = rounds * len(spread(SHARDS))
    return [probes.take(number * MS)[0] for number in range(count)]


@pytest.mark.parametrize(
    ("per_mille", "expected"), [(500, 5.0), (900, 9.0), (990, 10.0), (999, 10.0), (1_000, 10.0)]
)
def test_quantile_when_of_ten_times_then_is_the_least_that_enough_do_not_pass(
    per_mille: int, expected: float
) -> None:
    """Nearest rank: a time that was seen, never one between two."""
    assert quantile_ms([each * MS for each in range(10, 0, -1)], per_mille) == expected


def test_quantile_when_of_nothing_then_is_no_time() -> None:
    """-1, as the demo says it."""
    assert quantile_ms([], 500) == -1


def test_probes_when_spread_then_every_shard_has_as_many() -> None:
    """Their members lie where the product puts them, in turn over the shards."""
    found = spread(SHARDS)
    assert [shard for _, shard in found] == list(range(SHARDS)) * (len(found) // SHARDS)
    assert all(shard_of(PROBED, member, SHARDS) == shard for member, shard in found)


def test_probes_when_a_member_owes_for_two_then_two_are_debited_and_no_third() -> None:
    """Amounts are alike, so what is owed says how many; the first time seen stays."""
    probes = _probes()
    sent = _sent(probes, 3)
    own = [probe for probe in sent if probe.member == sent[0].member]
    probes.mark_debited({own[0].member: 2 * PROBE_MICROS}, 70 * MS)
    assert [probe.debited_ns for probe in own] == [70 * MS, 70 * MS, 0]
    probes.mark_debited({own[0].member: 3 * PROBE_MICROS}, 90 * MS)
    assert [probe.debited_ns for probe in own] == [70 * MS, 70 * MS, 90 * MS]


def test_probes_when_one_signal_tells_of_the_latest_use_then_stands_for_those_before() -> None:
    """Uses that a shard took together are told of by one signal, of the latest."""
    probes = _probes()
    sent = _sent(probes, 3)
    own = [probe for probe in sent if probe.member == sent[0].member]
    probes.mark_signalled(Heard(own[0].member, own[1].at_ms), 80 * MS)
    assert [probe.signalled_ns for probe in own] == [80 * MS, 80 * MS, 0]


def test_rate_when_told_then_times_run_from_when_probes_were_due() -> None:
    """A send that was late is part of the time; a client far behind its schedule is told."""
    probe = Probe("m", 0, 1, 100 * MS, 130 * MS, 150 * MS, 160 * MS)
    answer = AtRate(1_000, [probe], 501, {"worker": 2_500_000}, []).answer()
    assert (answer["debit_p50_ms"], answer["signal_p99_ms"], answer["answer_max_ms"]) == (
        50,
        60,
        30,
    )
    assert answer["is_kept"] is False
    assert answer["cpu_s_by_part"] == {"worker": 2.5}


def test_recovery_when_a_debit_was_due_before_the_kill_then_it_does_not_count() -> None:
    """Nor does one of another's partition, or one that was not seen yet."""
    found = first_debits(
        [
            Probe("a", 0, 1, 90 * MS, debited_ns=105 * MS),
            Probe("a", 0, 2, 110 * MS, debited_ns=400 * MS),
            Probe("b", 0, 3, 120 * MS, debited_ns=300 * MS),
            Probe("c", 1, 4, 120 * MS, debited_ns=140 * MS),
            Probe("d", 2, 5, 120 * MS),
        ],
        100 * MS,
        [0, 2],
    )
    assert found == {0: 200}


def test_kill_when_told_then_says_first_and_last_partition() -> None:
    """The last is when all is served again."""
    answer = Kill("worker-1", comes_back=True, partitions_ms={3: 900, 1: 500, 2: 700}).answer()
    assert (answer["first_ms"], answer["median_ms"], answer["last_ms"]) == (500, 700, 900)


def test_cases_when_sessions_outgrow_members_then_there_are_more_members() -> None:
    """One dimension leaves the base at a time; what is the base already is not done again."""
    base = Case(sessions=100, members=1_000, contents=20, workers=2, partitions=16)
    cases = cases_of(base, {"sessions": [100, 10_000], "workers": [2, 4]})
    assert cases == [
        ("base", base),
        ("sessions", base._replace(sessions=10_000, members=5_000)),
        ("workers", base._replace(workers=4)),
    ]


@pytest.mark.parametrize(
    ("costs", "expected"), [([30.0, 36.0, 33.0], 1.2), ([], 0.0), ([0.0, 5.0], 1.0)]
)
def test_ratio_when_of_costs_then_is_the_dearest_over_the_cheapest(
    costs: list[float], expected: float
) -> None:
    """A case whose cost cannot be seen is left out."""
    assert ratio_of(costs) == expected


def test_baseline_when_told_then_divides_by_what_was_measured() -> None:
    """Rate and processor time per event."""
    answer = Baseline(8_000, 4_000, 2_400_000, 400_000, 800_000, 2, 12_000, 0).answer()
    assert answer["events_per_s"] == 2_000
    assert answer["worker_cpu_us_per_event"] == 300
    assert answer["redis_cpu_us_per_event"] == 50
    assert answer["kafka_cpu_us_per_event"] == 100


def test_question_when_told_then_says_median_and_range() -> None:
    """Milliseconds over its runs."""
    answer = Asked("balance_ms", [3.0, 9.0, 4.0], {"edge": 1.5}).answer()
    assert (answer["median_ms"], answer["min_ms"], answer["max_ms"]) == (4.0, 3.0, 9.0)
