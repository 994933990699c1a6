"""Elements of a JSON array, cut anywhere, and what is no array."""

import json

import pytest

from ingest.formats.array import ELEMENT_CHARS_MAX, elements

TEXT = '\n[ {"a": "x]},"},\n\n  {"b": [1,\n 2]} , 3,"four"]\nbehind it'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_elements_when_cut_anywhere_then_each_comes_whole_with_its_line(size: int) -> None:
    """Brackets in texts, elements over several lines, and what stands behind the end."""
    chunks = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    found = list(elements(chunks))
    assert [line.number for line in found] == [2, 4, 5, 5]
    assert [json.loads(line.text) for line in found] == [{"a": "x]},"}, {"b": [1, 2]}, 3, "four"]


@pytest.mark.parametrize(
    ("text", "good", "line"),
    [
        ('[{"a": 1}', 1, 1),
        ('[{"a": 1},\n{"b" 2},\n{"c": 3}]', 1, 2),
        ("[", 0, 1),
        ('[{"a": 1},\n"' + "x" * (2 * ELEMENT_CHARS_MAX), 1, 2),
    ],
    ids=["no end", "a fault", "nothing", "too long"],
)
def test_elements_when_one_cannot_be_read_then_it_is_the_last(
    text: str, good: int, line: int
) -> None:
    """What comes before it counts; it is told with its line, and bounded."""
    found = list(elements([text[at : at + 1_000] for at in range(0, len(text), 1_000)]))
    assert (len(found), found[-1].number) == (good + 1, line)
    assert len(found[-1].text) <= ELEMENT_CHARS_MAX
