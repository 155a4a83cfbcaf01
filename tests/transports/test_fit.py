"""What is cut from a push that is too long, in which order, and what never is."""

from __future__ import annotations

import json

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from zpns.errors import ParameterError
from zpns.transports._fit import Budget, Texts, TooLong, fit, units

FAMILY = "👨‍👩‍👧‍👦"  # one character to a reader: 25 bytes, 11 UTF-16 units
FLAG = "🇨🇭"
MARKED = "é\u0301\u0302"  # a letter with two accents too many
FIXED = 100  # bytes of what is never cut, in the budgets below

clusters = st.sampled_from(
    ["a", "é", "你", "🙂", FAMILY, FLAG, MARKED, '"', "\n", " ", "…", "\u200d"]
)
texts = st.lists(clusters | st.characters(exclude_categories=("Cs",)), max_size=80).map("".join)


def as_json(value: Texts) -> int:
    """Measure as FCM and APNs do: everything in one JSON body."""
    body = [value.title, value.body, value.payload, value.payload_dropped]
    return FIXED + len(json.dumps(body, ensure_ascii=False).encode())


def twice(value: Texts) -> int:
    """Measure as Xiaomi does, whose body holds the payload twice."""
    return as_json(value) + (0 if value.sparing else len(value.payload.encode()))


def of_payload(value: Texts) -> int:
    """Measure as OPPO and vivo do: title and body are apart."""
    return FIXED + units(value.payload)


def graphemes(text: str) -> list[str]:
    return regex.findall(r"\X", text)


def is_cut_of(cut: str, text: str) -> bool:
    """Whether *cut* is *text*, or some of its graphemes with an ellipsis, or nothing."""
    if cut in ("", text):
        return True
    kept = graphemes(text)
    starts = {"".join(kept[:count]) for count in range(len(kept) + 1)}
    return cut.endswith("…") and cut[:-1] in starts


# Its own limits.


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        pytest.param("hello", 5, "hello", id="fits"),
        pytest.param("hello!", 5, "hell…", id="one-too-many"),
        pytest.param("你好" * 70, 128, "你好" * 63 + "你…", id="as-at-oppo"),
        pytest.param("🙂🙂🙂", 6, "🙂🙂🙂", id="emoji-are-two-units"),
        pytest.param("🙂🙂🙂", 5, "🙂🙂…", id="emoji-cut"),
        pytest.param("🙂🙂🙂", 4, "🙂…", id="no-half-emoji"),
        pytest.param(f"ab{FAMILY}", 12, "ab…", id="family-stays-together"),
        pytest.param(f"{FAMILY}ab", 12, f"{FAMILY}…", id="family-fits"),
        pytest.param(f"a{MARKED}b", 4, "a…", id="accents-stay-with-their-letter"),
        pytest.param(FAMILY, 5, "…", id="one-grapheme-too-long"),
        pytest.param("a\r\nbcd", 3, "a…", id="line-end-stays-together"),
        pytest.param("", 5, "", id="empty"),
    ],
)
def test_own_limit(text: str, most: int, expected: str) -> None:
    """Title and body are cut to one unit less than their limit, and an ellipsis."""
    roomy = Budget(most=10_000, measure=as_json)
    assert expected == fit(Texts(text, "", ""), roomy, cut=True, title_most=most).title
    assert expected == fit(Texts("", text, ""), roomy, cut=True, body_most=most).body


@pytest.mark.parametrize(
    ("given_texts", "reason", "field", "size"),
    [
        pytest.param(Texts("a" * 41, "b", ""), "title_too_long", "title", "41", id="title"),
        pytest.param(Texts("🙂" * 21, "b", ""), "title_too_long", "title", "42", id="emoji"),
        pytest.param(Texts("a", "b" * 101, ""), "content_too_long", "content", "101", id="content"),
    ],
)
def test_own_limit_when_nothing_may_be_cut(
    given_texts: Texts, reason: str, field: str, size: str
) -> None:
    """The error has a word for programs, the field, the limit and what came."""
    roomy = Budget(most=10_000, measure=as_json)
    with pytest.raises(TooLong) as caught:
        fit(given_texts, roomy, cut=False, title_most=40, body_most=100)
    error = caught.value
    assert (reason, field, size) == (error.reason, error.field, error.value)
    assert error.expected == f"at most {40 if field == 'title' else 100} UTF-16 units"
    assert isinstance(error, ParameterError)


def test_units() -> None:
    """Vendors' characters are counted as UTF-16 does."""
    assert [0, 1, 1, 2, 11] == [units(text) for text in ("", "a", "你", "🙂", FAMILY)]


@settings(deadline=None)
@given(texts, st.integers(1, 60))
def test_own_limit_holds(text: str, most: int) -> None:
    """No text is longer than its limit, split inside a grapheme, or cut without need."""
    roomy = Budget(most=100_000, measure=as_json)
    cut = fit(Texts(text, "", ""), roomy, cut=True, title_most=most)
    assert units(cut.title) <= most
    assert is_cut_of(cut.title, text)
    assert (cut.title == text) == (units(text) <= most)
    assert cut == fit(cut, roomy, cut=True, title_most=most)


# A budget for everything.


def test_order_of_steps() -> None:
    """First the body gives way, then the title, then the payload, then what was left."""
    whole = Texts("t" * 100, "b" * 200, "p" * 300)
    expected = {
        719: (100, 200, 300, False),  # it fits
        718: (100, 199, 300, False),  # the body gives way
        583: (100, 64, 300, False),
        582: (99, 64, 300, False),  # then the title
        515: (32, 64, 300, False),
        514: (100, 200, 0, True),  # then the payload, and the texts come back
        418: (100, 200, 0, True),
        417: (100, 199, 0, True),
        281: (99, 64, 0, True),
        214: (32, 64, 0, True),
        213: (32, 63, 0, True),  # then what was left of the body
        149: (31, 0, 0, True),  # and of the title
        118: (0, 0, 0, True),
    }
    found = {}
    for most in expected:
        cut = fit(whole, Budget(most=most, measure=as_json), cut=True)
        sizes = [len(text.encode()) for text in (cut.title, cut.body, cut.payload)]
        found[most] = (*sizes, cut.payload_dropped)
    assert expected == found


def test_step_back_when_the_payload_is_gone() -> None:
    """Once the payload made room, the texts get back what they had given."""
    whole = Texts("t" * 100, "b" * 200, "p" * 3000)
    cut = fit(whole, Budget(most=380, measure=as_json), cut=True)
    assert ("t" * 100, "", True) == (cut.title, cut.payload, cut.payload_dropped)
    assert 64 < len(cut.body) < 200
    assert cut.body.endswith("b…")


def test_short_texts_are_left_alone() -> None:
    """A body of 64 bytes and a title of 32 are not worth cutting before the payload is."""
    whole = Texts("t" * 32, "b" * 64, "p" * 50)
    cut = fit(whole, Budget(most=FIXED + 130, measure=as_json), cut=True)
    assert Texts("t" * 32, "b" * 64, "", payload_dropped=True) == cut


def test_sparing_before_dropping() -> None:
    """Where the payload is sent twice, once is tried before not at all."""
    whole = Texts("t", "b", "p" * 100)
    once = Budget(most=FIXED + 150, measure=twice, sparing=True)
    assert Texts("t", "b", "p" * 100, sparing=True) == fit(whole, once, cut=True)
    never = Budget(most=FIXED + 50, measure=twice, sparing=True)
    assert Texts("t", "b", "", payload_dropped=True) == fit(whole, never, cut=True)
    enough = Budget(most=FIXED + 500, measure=twice, sparing=True)
    assert whole == fit(whole, enough, cut=True)


def test_payload_is_all_that_can_give_way() -> None:
    """Where title and body do not count, they are not touched."""
    whole = Texts("t" * 500, "b" * 500, "p" * 500)
    budget = Budget(most=300, measure=of_payload, unit="UTF-16 units", shared=False)
    assert Texts("t" * 500, "b" * 500, "", payload_dropped=True) == fit(whole, budget, cut=True)


@pytest.mark.parametrize("shared", [True, False])
def test_too_long_with_nothing_left(shared: bool) -> None:
    """What does not fit even empty is refused, with the size that is left."""
    budget = Budget(most=FIXED - 1, measure=as_json, shared=shared)
    with pytest.raises(TooLong) as caught:
        fit(Texts("t", "b", "p"), budget, cut=True)
    assert ("payload_too_large", "payload") == (caught.value.reason, caught.value.field)
    assert f"at most {FIXED - 1} bytes" == caught.value.expected


@pytest.mark.parametrize("reason", ["payload_too_large", "extras_too_large"])
def test_budget_when_nothing_may_be_cut(reason: str) -> None:
    """The vendor's file chooses the word; at the edge it fits."""
    whole = Texts("t", "b", "p" * 10)
    size = as_json(whole)
    fits = Budget(most=size, measure=as_json, reason=reason)
    assert whole == fit(whole, fits, cut=False)
    with pytest.raises(TooLong) as caught:
        fit(whole, Budget(most=size - 1, measure=as_json, reason=reason), cut=False)
    assert (reason, str(size)) == (caught.value.reason, caught.value.value)


def test_ellipsis_is_not_doubled() -> None:
    """A body that was cut to its own limit is cut again to the budget, with one ellipsis."""
    whole = Texts("", "b" * 300, "")
    cut = fit(whole, Budget(most=FIXED + 110, measure=as_json), cut=True, body_most=200)
    assert cut.body.endswith("b…")
    assert len(cut.body) < 100


def test_one_grapheme_longer_than_the_least() -> None:
    """A body of one huge grapheme is kept or dropped, and never grows."""
    huge = "e" + "\u0301" * 60  # 121 bytes
    budget = Budget(most=FIXED + 100, measure=as_json)
    assert Texts("", "", "") == fit(Texts("", huge, ""), budget, cut=True)
    assert Texts("", huge, "", payload_dropped=True) == fit(
        Texts("", huge, "p" * 50), Budget(most=FIXED + 150, measure=as_json), cut=True
    )


@settings(deadline=None)
@given(texts, texts, texts, st.integers(FIXED + 20, FIXED + 500), st.booleans(), st.booleans())
def test_budget_holds(
    title: str, body: str, payload: str, most: int, sparing: bool, limited: bool
) -> None:
    """Never over the limit, never inside a grapheme, never half a payload, and twice is once."""
    whole = Texts(title, body, payload)
    budget = Budget(most=most, measure=twice if sparing else as_json, sparing=sparing)
    limits = {"title_most": 20, "body_most": 30} if limited else {}
    cut = fit(whole, budget, cut=True, **limits)
    assert budget.measure(cut) <= most
    assert is_cut_of(cut.title, title)
    assert is_cut_of(cut.body, body)
    assert cut.payload in ("", payload)
    assert cut.payload_dropped == (payload != "" and cut.payload == "")
    assert cut == fit(cut, budget, cut=True, **limits)
    if budget.measure(whole) <= most and not limited:
        assert whole == cut


@settings(deadline=None)
@given(texts, texts, texts, st.integers(FIXED + 20, FIXED + 500))
def test_title_gives_way_after_the_body(title: str, body: str, payload: str, most: int) -> None:
    """A title is cut only once the body is at its least, and a payload before less than that."""
    budget = Budget(most=most, measure=as_json)
    cut = fit(Texts(title, body, payload), budget, cut=True)
    if cut.title != title:
        shorter = "".join(graphemes(cut.body.removesuffix("…"))[:-1])
        assert len(f"{shorter}…".encode()) < 64 or len(cut.body.encode()) <= 64
    if cut.payload == payload != "":
        assert len(cut.body.encode()) >= min(64, len(body.encode()))
        assert len(cut.title.encode()) >= min(32, len(title.encode()))


@settings(deadline=None)
@given(texts, texts, st.integers(FIXED + 20, FIXED + 500))
def test_nothing_is_cut_when_it_must_not(title: str, payload: str, most: int) -> None:
    """Either everything goes as it is, or it is refused."""
    whole = Texts(title, "b", payload)
    budget = Budget(most=most, measure=as_json)
    if budget.allows(whole):
        assert whole == fit(whole, budget, cut=False)
    else:
        with pytest.raises(TooLong):
            fit(whole, budget, cut=False)


def test_control_characters_cost_more_than_they_look() -> None:
    """What JSON spells in six bytes is measured as sent, not as text."""
    whole = Texts("", "\x1f\x1f", "")  # 131 bytes as sent
    assert "\x1f…" == fit(whole, Budget(most=128, measure=as_json), cut=True).body
    assert "" == fit(whole, Budget(most=127, measure=as_json), cut=True).body
