"""Every fault of a tariff's file, not only the first.

Invariant: each fault is production's own words for it. The first fault is noted and put right in a
copy with something harmless, then the copy is checked again, until nothing is left to find.
"""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from cli.tariffs.documents import TENANT, is_catalogue, list_in, object_in, tariff_file
from schemas.errors import InvalidDocument

FAULTS_MAX = 50
MORE = "there may be more faults: mend these, then check again"
_STRUCTURE = re.compile(r"catalogue: (?P<words>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"(?:unknown|missing required) field `(?P<name>[^`]*)`")
_COMPONENT = re.compile(r"components\[(\d+)\]")
_STEP = re.compile(r"\[(?P<key>[^\]]*)\]|(?P<name>[^.\[]+)")
_SINGLE = re.compile(rf"tenants\[(?:{TENANT}|0)\]\.(?:tariffs\[[^\]]*\]\.?|contents\[[^\]]*\]\.)")
_GONE = object()
# What may stand in the place of what is wrong; the first that is not wrong there again is taken.
_HARMLESS: tuple[object, ...] = ("0", 1, "x", [], {}, _GONE)
_FITTING: dict[str, object] = {"currency": "KRW", "time_zone": "UTC"}

Check = Callable[[dict[str, Any]], str | None]
Place = tuple[Any, Any]
# By a list's identity: the places, as written, of what was taken out of it.
Taken = dict[int, list[int]]


def faults_of(raw: dict[str, Any], *, currency: str) -> list[str]:
    """Each fault with its path and mend; none where all is well.

    Args:
        raw: The file's object.
        currency: Of a single tariff.
    """
    is_single = not is_catalogue(raw)

    def check(doc: dict[str, Any]) -> str | None:
        try:
            tariff_file(doc, currency=currency)
        except InvalidDocument as fault:
            return _told(str(fault), is_single=is_single)
        return None

    doc, found, taken = copy.deepcopy(raw), list[str](), Taken()
    while (fault := check(doc)) is not None:
        told = _as_written(doc, fault, taken)
        if told in found or len(found) >= FAULTS_MAX:
            return [*found, MORE]
        found.append(told)
        if not _put_right(doc, fault, check, taken):
            return [*found, MORE]
    return found


def _told(text: str, *, is_single: bool) -> str:
    """The fault as ``path: words``, in a single tariff's own terms."""
    structure = _STRUCTURE.fullmatch(text)
    if structure is not None:
        path = structure["path"] or ("tenants[0].tariffs[0]" if is_single else "")
        text = f"{path}: {structure['words']}"
    if is_single:
        text = _SINGLE.sub("", text, count=1)
    return text.removeprefix(": ") if text.startswith(": ") else text


def _as_written(doc: dict[str, Any], fault: str, taken: Taken) -> str:
    """The fault with the places of a list counted as they were before anything was taken out."""
    for holder, _ in _places(doc, fault):
        gone = taken.get(id(holder))
        if gone:

            def shifted(found: "re.Match[str]", gone: list[int] = gone) -> str:
                return f"components[{_written(int(found[1]), gone)}]"

            fault = _COMPONENT.sub(shifted, fault)
    return fault


def _written(place: int, gone: list[int]) -> int:
    """A place in a list as it was before some were taken out."""
    for each in sorted(gone):
        place += each <= place
    return place


def _put_right(doc: dict[str, Any], fault: str, check: Check, taken: Taken) -> bool:
    """Changes the document so that this fault, and no more, is gone; whether it could."""
    places = _places(doc, fault)
    if not places:
        return False
    holder, key = places[-1]
    if not isinstance(holder, list):
        before = holder.get(key, _GONE)
        fitting = [_FITTING[key]] if key in _FITTING else []
        # What no struct knows has to go; what is missed where it was left out would be our fault.
        surplus = [_GONE] if "unknown field" in fault else []
        for harmless in (*surplus, *_shorter(before), *fitting, *_HARMLESS):
            _set(holder, key, harmless)
            after = check(doc)
            # Nor may it be missed by what holds it, which would be a fault of our own making.
            if after is None or _places(doc, after)[-1:] not in [[place] for place in places]:
                return True
        _set(holder, key, before)
    # Nothing fits there, as nothing fits a reference: what holds it goes.
    for holder, key in reversed(places):
        if list_in(holder) is not None:
            gone = taken.setdefault(id(holder), [])
            gone.append(_written(key, gone))
            del holder[key]
            return True
    return False


def _shorter(value: object) -> Iterator[object]:
    """A list without what stands there twice."""
    listed = list_in(value) or []
    seen: dict[str, object] = {}
    for each in listed:
        part = object_in(each)
        seen.setdefault(str(each if part is None else part.get("id")), each)
    if len(seen) < len(listed):
        yield list(seen.values())


def _set(holder: dict[str, Any], key: str, value: object) -> None:
    if value is _GONE:
        holder.pop(key, None)
    else:
        holder[key] = copy.deepcopy(value)


def _places(doc: dict[str, Any], fault: str) -> list[Place]:
    """The steps to what is wrong, as (holder, key) each; empty where they cannot be gone."""
    path, _, words = fault.partition(": ")
    field = _FIELD.search(words)
    if field is None and (alone := _FIELD.search(path)) is not None:
        path, field = "", alone
    places: list[Place] = []
    at: Any = doc
    for step in _STEP.finditer(path):
        key = _key(at, step["name"] or step["key"])
        if key is None:
            # A field that was left out is not there to be stepped into.
            return [*places, (at, step["name"])] if step["name"] and isinstance(at, dict) else []
        places.append((at, key))
        at = at[key]
    if field is not None:
        return [*places, (at, field["name"])] if isinstance(at, dict) else []
    return places


def _key(holder: object, named: str) -> Any:  # noqa: ANN401 -- of a list a number, of an object a name
    fields, listed = object_in(holder), list_in(holder)
    if fields is not None:
        return named if named in fields else None
    if listed is None:
        return None
    for place, each in enumerate(listed):
        if (object_in(each) or {}).get("id") == named:
            return place
    return int(named) if named.isdecimal() and int(named) < len(listed) else None
