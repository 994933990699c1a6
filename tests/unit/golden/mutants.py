"""Mistakes in rating, each as small as can be, as patches of one function's text.

Owns: the mistakes. Invariant: a mutant is the product's own function but for one expression, so
where that text has gone a mutant cannot be planted, and says so.
It does not own whether the golden rows notice (``test_golden_mutants``).
"""

import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import pytest

from rating import caps, counted_price, periods, price, rounding, scopes, share, time_price
from rating.components import ItemTerms
from rating.hours import Hours


class Mutant(NamedTuple):
    """One mistake.

    Args:
        says: What it does, in a few words.
        function: Where.
        old: The expression as it should be; there once.
        new: The expression as it is then.
    """

    says: str
    function: Callable[..., Any]
    old: str
    new: str


MUTANTS = (
    Mutant("exactly half goes down", rounding.half_up,
           "(2 * numerator + denominator)", "(2 * numerator + denominator - 1)"),
    Mutant("up goes up from a whole micro-unit too", rounding.up,
           "-(-numerator // denominator)", "numerator // denominator + 1"),
    Mutant("a micro-unit too many on a component's later lines", rounding.Running.add,
           "total - self.told, total", "total - self.told + (self.told > 0), total"),
    Mutant("free time used up to its end starts an increment", time_price.charged_ms,
           "left_ms <= 0", "left_ms < 0"),
    Mutant("an increment just full starts the next", time_price.charged_ms,
           "-((terms.first_ms - left_ms) // terms.next_ms)",
           "(left_ms - terms.first_ms) // terms.next_ms + 1"),
    Mutant("the minimum is a micro-unit more", time_price.time_lines,
           "missing = terms.minimum_micros", "missing = 1 + terms.minimum_micros"),
    Mutant("the first unit above the free ones is free", counted_price.charged_units,
           "units - terms.free", "units - terms.free - 1"),
    Mutant("a tier ends before its last unit", counted_price._by_total,
           "charged <= t.up_to", "charged < t.up_to"),
    Mutant("a tier's fee is not due at its edge", counted_price._graduated,
           "low <= tier.above", "low < tier.above"),
    Mutant("an item costs a micro-unit more", counted_price.item_lines,
           "quantity * each", "quantity * each + 1"),
    Mutant("the dearest rate comes last", counted_price._row,
           "terms.order or (0,)", "terms.order[::-1] or (0,)"),
    Mutant("a unit at a rate by the clock is counted at the next", counted_price._row,
           "after = before + by_rate[rate]", "after = before + by_rate[rate] + bool(before)"),
    Mutant("what is told at a rate's first moment is the rate's before", price._rated,
           "rate_at(track[place], part.at_ms)] +=", "rate_at(track[place], part.at_ms - 1)] +="),
    Mutant("a tier's fee is due once for each rate", counted_price._row,
           "has_fee = has_fee and not steps", "has_fee = has_fee or not steps"),
    Mutant("an item that a rate does not name is free in its hours", ItemTerms.price_of,
           "own.prices_micros.get(item, own.other_micros)",
           "own.prices_micros.get(item, own.other_micros or 0)"),
    Mutant("providers share a period whatever the hours", scopes.period_price,
           "if of == rate)", "if (of == rate or rate == 0) and not (of and rate))"),
    Mutant("a cap is a micro-unit less", caps.cap_lines,
           "left = cap.amount_micros", "left = cap.amount_micros - 1"),
    Mutant("the old price holds a millisecond longer", time_price._from,
           "return versions[version].from_ms", "return versions[version].from_ms + 1"),
    Mutant("a rate holds a millisecond longer", Hours._made,
           "starts.append(start - offset_ms)", "starts.append(start - offset_ms + 1)"),
    Mutant("midnight itself needs no pass", inspect.unwrap(periods._touched),
           "start_ms <= last_ms", "start_ms < last_ms"),
    Mutant("a period's cap takes a micro-unit more", scopes.period_lines,
           "total - rule.cap.amount_micros", "total - rule.cap.amount_micros + 1"),
    Mutant("time at midnight belongs to the day before", price.price,
           "min(ends, until_ms)", "min(ends, until_ms + 1)"),
    Mutant("the provider gets the rest that does not divide", share.provider_share,
           "return total_micros * ppm // PPM", "return -(-total_micros * ppm // PPM)"),
)  # fmt: skip


def plant(mutant: Mutant, patch: pytest.MonkeyPatch) -> None:
    """Puts a mutant in the place of its function, wherever that is used.

    Raises:
        ValueError: The function no longer has the expression, or more than once.
    """
    function = mutant.function
    assert isinstance(function, FunctionType)
    text = textwrap.dedent(inspect.getsource(function))
    if text.count(mutant.old) != 1:
        raise ValueError(f"{function.__qualname__} has no single {mutant.old!r}; mend the mutant")
    text = text.replace(mutant.old, mutant.new)
    made: dict[str, Any] = {}
    # The code moves into the function that all callers know, so its annotations need no names.
    source = "from __future__ import annotations\n" + text
    exec(compile(source, function.__code__.co_filename, "exec"), {**function.__globals__}, made)
    mistaken = inspect.unwrap(made[function.__name__])
    patch.setattr(function, "__code__", mistaken.__code__)
    periods._touched.cache_clear()
