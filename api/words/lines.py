"""One charge line in words.

Invariant: what a part says is what its line says: a quantity that fell is told as less, an amount
that its unit price does not explain is told beside it, and a moment only where the line is of it.
"""

from typing import NamedTuple

from api.words.forms import (
    Clock,
    UnitPrice,
    count,
    is_product,
    length,
    money,
    money_from_micros,
    period,
    unit,
    unit_price_of,
)
from api.words.names import Name, name_of
from api.words.tongue import Tongue
from rating.counted_price import PASS_RATE
from schemas.ledger import ChargeLine

_USES = frozenset({"time", "volume", "item", "page", "fee"})
_IN_CONTENT = frozenset({"item", "page", "fee"})


class Context(NamedTuple):
    """What the parts of one sentence share.

    Args:
        tongue: The language.
        currency: Of all amounts.
        clock: On which moments are told.
        content: Name of the content; empty where none is known.
        is_alone: Whether there is but one part, whose amount is the whole entry's.
        is_renewal: Whether a pass followed by itself.
        note: What a capture says of itself.
    """

    tongue: Tongue
    currency: str
    clock: Clock
    content: Name
    is_alone: bool
    is_renewal: bool = False
    note: str = ""


def part(line: ChargeLine, context: Context) -> str:
    """A charge line in words.

    Args:
        line: A price, or a price's change.
        context: Of its sentence; without content it is not told which one.
    """
    if line.kind in _USES:
        return _use(line, context)
    if line.kind == "flat" and line.quantity > 0:
        return _pass(line, context)
    if line.kind == "capture" and line.amount_micros > 0:
        return _said(context, "capture", note=context.note) + _amount(line, context)
    if line.kind in {"minimum", "cap"}:
        # A minimum adds to a price, a cap takes off it.
        grew = (line.amount_micros >= 0) == (line.kind == "minimum")
        key = f"{line.kind}.{'more' if grew else 'back'}"
        each = unit_price_of(line)
        at_most = "" if each is None else money(context.tongue, each.price, context.currency)
        span = context.tongue.things.get(f"period:{line.meter}")
        if span is None:
            span = period(context.tongue, line.meter)[1]
        amount = money_from_micros(context.tongue, line.amount_micros, context.currency)
        return _said(context, key, amount=amount, cap=at_most, period=span)
    return _repriced(line, context)


def _use(line: ChargeLine, context: Context) -> str:
    quantity, amount = line.quantity, line.amount_micros
    if not quantity:
        return _repriced(line, context)
    agrees = not amount or (quantity > 0) == (amount > 0)
    place = line.kind if line.kind in _IN_CONTENT else "use"
    key = f"{place}.{'more' if quantity > 0 else 'back'}"
    each = unit_price_of(line) if agrees else None
    said = _said(context, key, quantity=_quantity(line, context), fee=_thing(line, context))
    said += _details(line, each, context)
    if not agrees:
        told = money_from_micros(context.tongue, amount, context.currency)
        outcome = "outcome.less" if amount < 0 else "outcome.more"
        return said + context.tongue.sentences[outcome].format(amount=told)
    is_explained = _is_covered(line) or (each is not None and is_product(line, each))
    return said if context.is_alone and is_explained else said + _amount(line, context)


def _details(line: ChargeLine, each: UnitPrice | None, context: Context) -> str:
    tongue = context.tongue
    found = {
        "price": _price(line, each, context),
        "when": _when(line, context),
        "rate": _rate(line, context),
    }
    told = [found[name] for name in tongue.details if found[name]]
    return f"{tongue.opening}{tongue.joint.join(told)}{tongue.closing}" if told else ""


def _price(line: ChargeLine, each: UnitPrice | None, context: Context) -> str:
    tongue = context.tongue
    if each is None or line.kind == "fee":
        return ""
    if not each.price:
        return "" if line.amount_micros else tongue.sentences["price.free"]
    price = money(tongue, each.price, context.currency)
    if each.is_time:
        template = tongue.per_time.get(each.per, tongue.per_time[0])
        price = template.format(price=price, length=length(tongue, each.per * 1_000))
    elif line.kind == "volume":
        units = unit(tongue, line.meter, each.per)
        price = tongue.sentences["price.unit"].format(price=price, unit=units)
    else:
        by = "jump" if line.meter == "jump" and line.kind == "page" else line.kind
        price = tongue.sentences[f"price.{by}"].format(price=price)
    return tongue.sentences["price"].format(price=price)


def _when(line: ChargeLine, context: Context) -> str:
    if line.kind != "time" or line.quantity <= 0 or not line.to_ms:
        return ""
    # A rate by the clock holds for some of the stretch, and which of it the line does not say.
    whole = line.quantity == line.to_ms - line.from_ms
    return context.tongue.sentences["when.from" if whole else "when.between"].format(
        start=context.clock.told(context.tongue, line.from_ms),
        end=context.clock.told(context.tongue, line.to_ms),
        zone=context.clock.suffix(context.tongue),
    )


def _rate(line: ChargeLine, context: Context) -> str:
    tongue = context.tongue
    if not line.rate:
        return ""
    if _is_covered(line):
        return tongue.sentences["rate.pass"]
    word, _, rest = line.rate.partition(" ")
    number, _, name = rest.partition(" ")
    if line.kind != "volume" or word != "tier" or not number.isdigit():
        return tongue.sentences["rate"].format(rate=name_of(line.rate))
    tier = tongue.sentences["rate.tier"].format(number=number)
    if not name:
        return tier
    return f"{tier}{tongue.joint}{tongue.sentences['rate'].format(rate=name_of(name))}"


def _is_covered(line: ChargeLine) -> bool:
    """Whether a bought pass covers it, which no rate of a tariff can be taken for."""
    return line.rate == PASS_RATE and not line.price and not line.amount_micros


def _quantity(line: ChargeLine, context: Context) -> str:
    tongue = context.tongue
    if line.kind == "time":
        return length(tongue, line.quantity)
    if line.kind == "item":
        return count(tongue, "item", line.quantity, line.meter)
    if line.kind == "page":
        return count(tongue, f"page:{line.meter}", line.quantity, line.meter)
    return count(tongue, line.meter, line.quantity)


def _repriced(line: ChargeLine, context: Context) -> str:
    key = "repriced.less" if line.amount_micros < 0 else "repriced.more"
    amount = money_from_micros(context.tongue, line.amount_micros, context.currency)
    return _said(context, key, amount=amount, thing=_thing(line, context))


def _thing(line: ChargeLine, context: Context) -> str:
    things = context.tongue.things
    if line.kind == "fee":
        known = things.get(f"fee:{line.meter}")
        return known or things["fee:"].format(name=name_of(line.meter))
    if line.kind in {"volume", "item"}:
        return name_of(line.meter)
    return things.get(line.kind) or name_of(line.kind)


def _pass(line: ChargeLine, context: Context) -> str:
    tongue = context.tongue
    kind, span = period(tongue, line.meter)
    if line.to_ms:
        kind = line.meter
    key = "pass.used"
    if line.to_ms:
        key = "pass.renewed" if context.is_renewal else "pass.bought"
    clock = Clock(context.clock.zone)
    words = {
        "pass": tongue.things.get(f"pass:{kind}") or tongue.things["pass:"],
        "period": span,
        "start": clock.told(tongue, line.from_ms),
        "end": clock.told(tongue, line.to_ms),
        "zone": clock.suffix(tongue),
    }
    return _said(context, key, **words)


def _amount(line: ChargeLine, context: Context) -> str:
    if context.is_alone and line.kind in {"fee", "capture"}:
        return ""
    if not line.amount_micros and line.rate == PASS_RATE:
        return ""
    amount = money_from_micros(context.tongue, line.amount_micros, context.currency)
    return context.tongue.sentences["amount"].format(amount=amount)


def _said(context: Context, key: str, **words: str) -> str:
    template = context.tongue.sentences[key if context.content else f"{key}.next"]
    return template.format(content=context.content, **words)
