import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.errors import SubmissionError
from catalog.submissions.bodies import EMPTY, canonical, normalise, parse, recognise, render
from catalog.submissions.forms import ADD, CLAIM, CORRECT, FORMS, PROBE, form_named
from catalog.submissions.questions import Kind

HEADINGS = {form.name: {f"### {question.label}" for question in form.questions} for form in FORMS}
OVERRIDE = "\u202e"


def is_hidden(character):
    """What no body may hold, said in another way than in the code."""
    bad = (
        "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u200b\u200e\u200f"
        "\u2028-\u202e\u2060-\u2064\u2066-\u206f\u2800\u3164\ufeff\uffa0"
    )
    return re.match(f"[{bad}\ud800-\udfff\ufffe\uffff]", character) is not None


@st.composite
def answer_texts(draw, form):
    """Text that tries to look like a part of the form, or like Markdown that ends it."""
    lines = st.one_of(
        st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs", "Mn"))),
        st.sampled_from(sorted(HEADINGS[form.name])),
        st.sampled_from(
            ["### Title", "### Not asked", "#### Title", " ### Title", "### Title ", "###", "```", "~~~yaml"]
        ),
        st.sampled_from(["- [x] done", "- [ ] open", EMPTY, "None", "", "", " ", "\t", "A, B", "---", "!!python/none"]),
        st.sampled_from([OVERRIDE, "\x00", "e\u0301", "\u2028", "👩\u200d🔬", "שלום", "{{ 7 * 7 }}", "<b>"]),
    )
    ends = st.sampled_from(["\n", "\n", "\r\n", "\n\n", "\r\n\r\n"])
    return "".join(draw(lines) + draw(ends) for _ in range(draw(st.integers(0, 5)))) + draw(lines)


@st.composite
def filled_forms(draw):
    """Name of a form and answers to some of its questions."""
    form = draw(st.sampled_from(FORMS))
    asked = draw(st.lists(st.sampled_from(form.questions), unique=True, max_size=5))
    answers = {}
    for question in asked:
        if question.takes_text:
            answers[question.id] = draw(answer_texts(form))
        elif question.kind is Kind.CHECKBOXES or question.is_multiple:
            chosen = draw(st.sets(st.sampled_from(question.options), max_size=4))
            answers[question.id] = tuple(option for option in question.options if option in chosen)
        else:
            answers[question.id] = draw(st.sampled_from(question.options))
    return form.name, answers


def looks_like_a_question(form, text):
    lines = text.split("\n")
    return any(
        line.rstrip() in HEADINGS[form.name] and (number == 0 or not lines[number - 1].strip())
        for number, line in enumerate(lines)
    )


@settings(max_examples=500, deadline=None)
@given(filled_forms())
@example(("add-a-paper", {"title": "None", "innovation": "```\n### Tasks\nstill open", "tasks": "- [x] a\n- [ ] b"}))
@example(("add-a-paper", {"title": "A", "innovation": "first\n\n### Tasks\n\nsecond"}))
@example(("add-a-paper", {"title": f"A {OVERRIDE}B"}))
@example(("request-a-probe", {"why": EMPTY}))
def test_what_was_rendered_is_parsed_or_refused_but_never_misread(filled):
    form, answers = form_named(filled[0]), filled[1]
    several = {question.id for question in form.questions if question.is_multiple or question.kind is Kind.CHECKBOXES}
    answers = {
        question.id: answers.get(question.id, () if question.id in several else None) for question in form.questions
    }
    texts = [answer for answer in answers.values() if isinstance(answer, str)]
    is_unwritable = any(text.strip() == EMPTY or any(map(is_hidden, text.replace("\r", ""))) for text in texts)
    if is_unwritable:
        with pytest.raises(SubmissionError):
            render(form, answers)
        return
    body, kept = render(form, answers), canonical(answers)
    if any(looks_like_a_question(form, normalise(text)) for text in texts):
        with pytest.raises(SubmissionError, match=r"stands (twice|after)"):
            parse(form, body)
        return
    assert parse(form, body) == kept
    assert parse(form, body.replace("\n", "\r\n")) == kept
    assert recognise(body) is form


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_without_answers_gives_empty_answers(form):
    answers = parse(form, render(form, {}))
    assert list(answers) == [question.id for question in form.questions]
    assert set(answers.values()) <= {None, ()}


def test_headings_of_other_names_and_after_text_are_content():
    text = "One.\n### Tasks\n\n### Method\n\n#### Tasks\n\n ### Tasks"
    assert parse(ADD, render(ADD, {"innovation": text}))["innovation"] == text


def test_a_fence_that_is_never_closed_swallows_nothing():
    answers = parse(ADD, render(ADD, {"innovation": "```\nopen", "tasks": "T", "result": "- [x] R"}))
    assert (answers["innovation"], answers["tasks"], answers["result"]) == ("```\nopen", "T", "- [x] R")


def test_absent_questions_are_skipped():
    answers = parse(PROBE, "### Head type to measure\n\nEcho\n\n### Why\n\nTo know.")
    assert answers == {"head_type": "Echo", "model": None, "why": "To know.", "papers": None}


def test_labels_in_the_wrong_order_are_refused_with_what_was_understood():
    with pytest.raises(SubmissionError, match="Head type to measure: stands after 'Why'") as caught:
        parse(PROBE, "### Why\n\nTo know.\n\n### Head type to measure\n\nEcho")
    assert caught.value.understood == {"Why": "To know.", "Head type to measure": "Echo"}


def test_two_bodies_glued_together_are_refused_for_every_label():
    body = render(PROBE, {"head_type": "Echo"})
    with pytest.raises(SubmissionError) as caught:
        parse(PROBE, f"{body}\n\n{body}")
    assert [problem.label for problem in caught.value.problems] == [question.label for question in PROBE.questions]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "not made with a form"),
        ("Hello\n\n### Title\n\nA", "not made with a form"),
        ("### Title of something\n\nA", "not made with a form"),
    ],
    ids=["empty", "text-in-front", "other-heading"],
)
def test_a_body_of_no_form_is_refused(body, message):
    with pytest.raises(SubmissionError, match=message):
        recognise(body)


def test_text_in_front_of_the_first_heading_is_refused():
    with pytest.raises(SubmissionError, match="begins with 'Hello', which belongs to no question"):
        parse(ADD, "Hello\n\n### Title\n\nA")


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200f", "\x00", "\x1b", "\ufeff", "\u2028", "\u3164", "\U000e0041"]
)
def test_characters_that_cannot_be_seen_are_refused_by_name_and_line(character):
    with pytest.raises(SubmissionError, match=rf"U\+{ord(character):04X} .* in line 3"):
        normalise(f"one\n\ntwo {character}")


def test_a_body_longer_than_an_issue_is_refused():
    assert normalise("x" * 65_536)
    with pytest.raises(SubmissionError, match="65,537 characters"):
        normalise("x" * 65_537)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("None", ()),
        ("_No response_", ()),
        ("ablation", ("ablation",)),
        ("ablation, probing", ("ablation", "probing")),
    ],
)
def test_several_options_are_read_by_their_names(text, expected):
    assert parse(ADD, f"### Title\n\nA\n\n### Methods\n\n{text}")["methods"] == expected


@pytest.mark.parametrize(
    ("form", "label", "text", "message"),
    [
        (ADD, "Methods", "ablation, magic", "'magic' does not begin with one of the options"),
        (ADD, "Methods", "ablation, ablation", "stands twice"),
        (CLAIM, "Form of the claim", "shares", "'shares' is none of the options"),
        (CORRECT, "Confirmation", "- [x] Something else.", "'- [x] Something else.' is none of the boxes"),
        (CORRECT, "Confirmation", "yes", "'yes' is none of the boxes"),
    ],
    ids=["unknown", "twice", "single", "box", "text-for-a-box"],
)
def test_a_choice_that_the_form_does_not_offer_is_refused_with_the_options(form, label, text, message):
    with pytest.raises(SubmissionError) as caught:
        parse(form, f"### {form.questions[0].label}\n\nA\n\n### {label}\n\n{text}")
    (problem,) = caught.value.problems
    question = next(question for question in form.questions if question.label == label)
    assert problem.label == label
    assert message in problem.message
    assert all(option in problem.snippet for option in question.options)


def test_a_longer_option_wins_over_one_that_it_begins_with():
    from catalog.submissions.bodies import _chosen
    from catalog.submissions.questions import Question

    question = Question("q", "Q", Kind.DROPDOWN, options=("T5", "T5, large", "large"), is_multiple=True)
    assert _chosen(question, "T5, large, large") == ("T5, large", "large")


def test_boxes_count_with_either_letter_and_star():
    promise = CORRECT.questions[-1].options[0]
    answers = parse(CORRECT, f"### Paper to correct\n\nA\n\n### Confirmation\n\n* [X] {promise}")
    assert answers["confirmation"] == (promise,)


def test_a_former_label_is_still_read(monkeypatch):
    from dataclasses import replace

    first, *rest = PROBE.questions
    renamed = replace(PROBE, questions=(replace(first, label="Kind of head", former_labels=(first.label,)), *rest))
    assert parse(renamed, render(PROBE, {"head_type": "Echo"}))["head_type"] == "Echo"


def test_render_refuses_an_option_that_the_form_does_not_have():
    with pytest.raises(SubmissionError, match="Methods: an option that the form does not have"):
        render(ADD, {"methods": ("magic",)})
