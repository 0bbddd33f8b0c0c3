"""Where the answer of a response is found."""

import pytest

from steer.verify.math import verify_math
from steer.verify.math.extract import extract


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
        ("the price is not 10 but 1,000.99€", "1,000.99"),
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
    assert verify_math("-2", response).verdict == "correct"
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
