"""Where the answer of a response is found."""

import json
from pathlib import Path

import pytest

from steer.verify.math import around, verify_math
from steer.verify.math.extract import extract
from steer.verify.thought import opened_thought


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"\boxed{41} no, wait: \boxed{42}", "42"),
        (r"<think>\boxed{1}</think> so \boxed{2}", "2"),
        (r"first</think>\boxed{1}</think>second \boxed{3}", "3"),
        (r"\boxed{\frac{1}{1+\sqrt{2}}}", r"\frac{1}{1+\sqrt{2}}"),
        (r"\boxed {5}", "5"),
        (r"\fbox{a b}", "a b"),
        (r"\boxed{7} and then it was cut off \boxed{\frac{1", "7"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        ("She has 3 left.\n#### 1,234", "1,234"),
        ("so 2+1 = 3 bolts\nA: 3", "3"),
        ("The final answer is $\\frac{1}{2}$. I hope it is correct.", r"$\frac{1}{2}$"),
        ("**Final Answer:** 17", "17"),
        ("Therefore the answer is (B).", "(B)"),
        ("We find $x=3$, so there are 12 ways.", "12"),
        ("Hence the sum is $a+b$.", "a+b"),
        (r"\frac{1}{2}", r"\frac{1}{2}"),
        ("cx^{-2} - 2x", "cx^{-2} - 2x"),
        ("<think>7</think> <answer> $42$ </answer>", "$42$"),
        ("after some thought my choice is C", "C"),
        (r"so in the end we have \frac{1}{5}.", r"\frac{1}{5}"),
        ("after all of that there remain 2^5 of them", "2^5"),
        (r"which leaves the angle 40^\circ.", r"40^\circ"),
        ("The solutions are x = 3 and x = 4.", "x = 3 and x = 4"),
        ("the price is not 10 but 1,000.99€", "1,000.99 €"),
    ],
)
def test_found(response, answer):
    assert extract(response).answer == answer


@pytest.mark.parametrize("response", ["", "  \n", "I do not know this at all", "\\boxed{", "</think>"])
def test_nothing_found_is_wrong_and_says_so(response):
    verdict = verify_math("42", response)
    assert verdict.verdict == "wrong"
    assert verdict.extracted is None or not any(c.isdigit() for c in verdict.extracted)


def test_several_boxes_answer_a_gold_of_several_parts_and_no_other():
    response = r"The solutions are $\boxed{1}$ and $\boxed{-2}$."
    together = verify_math("-2, 1", response)
    assert (together.verdict, together.extracted) == ("correct", "1, -2")
    assert verify_math("-2", response).verdict == "wrong"  # two answers, of which one is right
    assert verify_math("-2", response.replace(" and ", ".\n\nThe smaller one is ")).verdict == "correct"
    assert verify_math("1", response).verdict == "wrong"
    assert verify_math("1, -2, 3", response).verdict == "wrong"


def test_boxes_far_apart_are_not_one_answer():
    response = r"\boxed{1} " + "and a long way from there " * 5 + r"\boxed{-2}"
    assert verify_math("-2, 1", response).verdict == "wrong"


def test_answer_inside_thought_does_not_count():
    assert verify_math("42", r"<think>It is \boxed{42}.</think> It is \boxed{43}.").verdict == "wrong"


def test_a_gold_may_be_a_worked_solution():
    gold = r"Adding up, $3 + 4 = 7$, and twice that is $\boxed{14}$."
    assert verify_math(gold, r"\boxed{14}").verdict == "correct"
    assert verify_math(gold, r"\boxed{7}").verdict == "wrong"


NO_ANSWER = [
    "The answer is not $5$.", "The answer cannot be 5.", "The answer isn't 5.", "It is at least 5.",
    "The answer is at most 5.",
    "The answer is less than 5", "The answer is either 17 or 5.", "Is the answer 5? No, it is",
    "The answer is\n\nnot\n5",
    "One might think 5, but this is wrong.", "so we obtain a = 5, and now have to subtract the", "The answer is not\n5",
    "Suppose the answer is 5.", "The answer might be 5.", "I guess it is 5?", "The answer is 5. Wait, no, it is 6.",
    "答案不是 5。",
    "답은 5가 아닙니다.", "La réponse n'est pas 5.", "Die Antwort ist nicht 5.", "Ответ не 5.", "答案至少是 5。",
    "The answer is 5 hundred",
    "The answer is 5 squared", "Let x be 5", "5? No.", "#### not 5", "<answer>not 5</answer>",
    r"The answer is not \boxed{5}.", r"\boxed{5} is wrong.", r"\boxed{5}? Hmm.", r"either \boxed{17} or \boxed{5}",
    r"<think> so it is \boxed{5}", "<think>The answer is 5.", r"</think> hence <think> \boxed{5}", "[THINK]\n5",
]  # fmt: skip


@pytest.mark.parametrize("response", NO_ANSWER)
def test_denied_doubted_compared_and_unfinished_numbers_are_no_answer(response):
    assert verify_math("5", response).verdict == "wrong"


STATED = [
    ("4", "The answer is 4, not 5."), ("5", "the answer is 5, since 6 fails."), ("5", "5 (see step 3)."),
    ("B", "B, because C fails."), ("5", "`5`"), ("x^2+1", "So f(x) = x^2 + 1."), ("1,-2", "Therefore $a=1$ or $a=-2$"),
    ("36", "所以答案是 36。"), ("12", "답은 12입니다."), ("12", "La réponse est 12."), ("12", "Ответ: 12"),
    ("12", "Die Antwort lautet 12."),
    ("12", "La respuesta es 12."), ("12", "答えは12です。"), ("12", "**Answer:** 12"),
    ("12", "## Answer\n\n12"), ("12", "The answer is\n$$12$$"), ("12", "We are done.\n\n#### 12"),
    ("12", "Thus it is 12."),
    ("12", r"$\boxed{12}$ <|endoftext|> User: next \boxed{13}"), ("12", "The answer is 12</s> and more: 13"),
    ("12", "<think>13</think>12"), ("34", "Final Answer: The largest $n$ is 34."), ("B", "My choice is (B)."),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "response"), STATED)
def test_stated_answers_in_sentences_and_languages(gold, response):
    verdict = verify_math(gold, response)
    assert (verdict.verdict, verdict.reading) == ("correct", "stated")


@pytest.mark.parametrize(
    ("prompt", "opening"),
    [("<|im_start|>assistant\n<think>\n", "<think>\n"), ("<think></think>", ""), ("What is <think>?\n", ""), ("", "")],
)
def test_a_template_that_opens_a_thought(prompt, opening):
    assert opened_thought(prompt) == opening
    text = opening + r"it is \boxed{4}"
    assert (extract(text).answer is None) == bool(opening)
    assert extract(text + r"</think> it is \boxed{5}").answer == "5"


# One text before a box for each rule that the words and signs directly before it lead to.
TELLING = """maybe|the answer is not|it cannot be|either 3 or|$x \\ne|\\neg|\\cancel{|not the answer|minus|except for
other than|unlikely to be|my guess|is it|could it be|suppose the answer is|assume it =|pretend that it's
it is wrong that the answer is|half the answer is|The answer + 1 is|the answer plus 2 is|example answer
write your answer as|between 3 and|let's try|If x = 1 then|Unless x = 2, we get|in case n is even,|2
\\log_2|\\log|\\sin(|\\frac{1}{|3 +|x^|$-|$2x <|$x \\le|$0 < x \\leq|3 or|6 or $x =|3 \\text{ or }|oder
I would guess|The book claims|The old answer was|all but|The answer has|The answer is divisible by|The answer exceeds
If it is not 6, it is|The range is 4 to|somewhere near|Sometimes|Had we erred, it would be|vielleicht
forse|可能是|peut-être
Candidates: 3, 4,|A random number:|⛔|$-$|6 vs"""
TELLING = [text for line in TELLING.splitlines() for text in line.split("|")]


def test_the_gate_before_the_rules_hides_none_of_them(monkeypatch):
    """The rules run only behind words that call for them; they find the same without that gate."""
    faults = Path(__file__).with_name("math_faults.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["response"] for line in faults]
    texts += [
        f"{opening}{gap}\\boxed{{5}}{close}." for opening in TELLING for gap in ("", " ", " $") for close in ("", "$")
    ]
    gated = [extract(text) for text in texts]
    assert sum(found.answer is None for found in gated[len(faults) :]) > 100
    monkeypatch.setattr(around, "telling", bool)
    assert [(text, found) for text, found in zip(texts, gated, strict=True) if extract(text) != found] == []
