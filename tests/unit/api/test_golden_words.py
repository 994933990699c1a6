"""Entries in words, against sentences that a person wrote in both languages."""

from pathlib import Path
from string import Formatter

import pytest

from api.words.choosing import TONGUES, tongue_of
from api.words.names import name_of
from api.words.sentences import Told, charges_in_words, entry_in_words
from api.words.tongue import Tongue
from tests.unit.api.golden_entries import ENTRIES, NINE, SEOUL, time, used

TABLES = {"en": "golden_english.txt", "ko": "golden_korean.txt"}


def table(code: str) -> dict[str, str]:
    """The sentences of a language by entry; a line that is not one is an error."""
    rows: dict[str, str] = {}
    text = Path(__file__).with_name(TABLES[code]).read_text(encoding="utf-8")
    for row in text.splitlines():
        if not row.startswith("#"):
            name, bar, sentence = row.partition(" | ")
            assert bar, row
            assert sentence, row
            assert name not in rows, row
            rows[name] = sentence
    return rows


@pytest.mark.parametrize("code", TABLES)
def test_tables_when_read_then_hold_every_entry(code: str) -> None:
    """No entry lacks its sentence in any language, and each language has thirty and more."""
    assert list(table(code)) == list(ENTRIES)
    assert len(ENTRIES) >= 30


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("code", TABLES)
def test_entry_when_told_then_as_a_person_wrote_it(code: str, name: str) -> None:
    """Each entry reads, to the letter, as its line of the table says."""
    assert entry_in_words(ENTRIES[name], TONGUES[code]) == table(code)[name]


def test_tongues_when_compared_then_say_the_same_things() -> None:
    """Both languages have the same keys, and the same gaps in each sentence but for the note's."""
    english, korean = TONGUES["en"], TONGUES["ko"]
    assert english.sentences.keys() == korean.sentences.keys()
    assert english.things.keys() == korean.things.keys()
    assert english.counts.keys() == korean.counts.keys()
    assert english.currencies.keys() == korean.currencies.keys()
    assert english.per_time.keys() == korean.per_time.keys()
    for key, template in english.sentences.items():
        assert gaps(template) == gaps(korean.sentences[key]), key


def gaps(template: str) -> set[str]:
    """Names of a template's gaps."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize(
    ("name", "particle", "told"),
    [
        ("영화", "을", "영화를"), ("신문", "을", "신문을"), ("News", "을", "News을(를)"),
        ("채널 2", "은", "채널 2는"), ("채널 10", "은", "채널 10은"), ("채널 6", "이", "채널 6이"),
        ("뉴스 (재방송)", "이", "뉴스 (재방송)이"), ("뉴스!", "이", "뉴스!가"),
        ("!", "을", "!을(를)"), ("채널 ⑦", "을", "채널 ⑦을(를)"),
    ],
)  # fmt: skip
def test_particle_when_a_name_precedes_then_fits_its_last_sound(
    name: str, particle: str, told: str
) -> None:
    """A final consonant decides; where the spelling does not tell it, both forms stand."""
    assert format(name_of(name), particle) == told


@pytest.mark.parametrize("code", TABLES)
def test_name_when_it_holds_braces_then_stands_as_it_is(code: str) -> None:
    """A name is filled into a sentence, never read as one."""
    said = entry_in_words(used(time(1_000, 30, "30/1 s"), content="{parts:을}"), TONGUES[code])
    assert "{parts:을}" in said


@pytest.mark.parametrize(
    ("lang", "header", "code"),
    [
        (None, None, "en"), ("ko", None, "ko"), ("en", "ko", "en"), (None, "ko-KR,ko;q=0.9", "ko"),
        (None, "KO", "ko"), (None, "en;q=0.5, ko;q=0.8", "ko"), (None, "ko;q=0.5, en", "en"),
        (None, "fr, ko;q=0.1", "ko"), (None, "fr", "en"), (None, "ko;q=0", "en"),
        (None, "*, ko;q=0.9", "en"), (None, "ko;q=x", "en"), (None, "ko;q=0.1234", "en"),
        (None, ",;,", "en"), (None, "", "en"), (None, "ko," * 400, "en"), (None, "kok", "en"),
        (None, "ko;Q=1.000", "ko"), (None, "en, ko", "en"), (None, "ko;level=1", "ko"),
    ],
)  # fmt: skip
def test_language_when_asked_then_the_parameter_then_the_best_wish_then_english(
    lang: str | None, header: str | None, code: str
) -> None:
    """The parameter counts first, then the highest weight of the header, then English."""
    assert tongue_of(lang, header).code == code


@pytest.mark.parametrize(
    ("code", "is_open", "told"),
    [
        ("en", True, "So far: 1 s of 영화 at 30 won a second from 21:00"),
        ("en", False, "1 s of 영화 at 30 won a second from 21:00"),
        ("ko", True, "현재까지 영화를 1초 사용 (21:00부터, 1초당 30원)"),
        ("ko", False, "영화를 1초 사용 (21:00부터, 1초당 30원)"),
    ],
)
def test_session_when_told_then_says_whether_more_may_come(
    code: str, told: str, *, is_open: bool
) -> None:
    """A session's charges are told as so far while it goes on; what came to nothing is not."""
    given_back = time(0, 0, "20/1 s", "evening", end=NINE + 1_000)
    charges = used(given_back, time(1_000, 30, "30/1 s"), content="영화")
    assert charges_in_words(charges, TONGUES[code], is_open=is_open) == told


@pytest.mark.parametrize("tongue", TONGUES.values(), ids=TONGUES)
def test_session_when_it_was_charged_nothing_then_says_so(tongue: Tongue) -> None:
    """No charge lines is a sentence too."""
    told = Told(cause="", currency="KRW", content="영화", zone=SEOUL)
    assert charges_in_words(told, tongue, is_open=True) == tongue.sentences["nothing"]
