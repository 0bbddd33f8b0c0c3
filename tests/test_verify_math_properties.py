"""For any answer: an equal rewriting is accepted; a changed number, order, end or sign is not."""

import random
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from steer.verify.math import MathVerifier

integers = st.integers(-(10**9), 10**9)
small = st.integers(-30, 30)
places = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def agree():
    with MathVerifier() as verifier:
        yield lambda gold, answer: verifier.verify([(gold, rf"\boxed{{{answer}}}", None)])[0].verdict == "correct"


def few(count):
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


def grouped(n: int, separator: str) -> str:
    return f"{n:,}".replace(",", separator)


@few(60)
@given(integers, integers, places)
def test_integers(agree, n, other, choice):
    spellings = [str(n), grouped(n, ","), grouped(n, "{,}"), grouped(n, r"\,"), grouped(n, r",\!"), f"{n}.0", f"${n}$",
                 rf"\text{{{n}}}", f"x = {n}", rf"\frac{{{3 * n}}}{{3}}", f"{n}."]  # fmt: skip
    assert agree(str(n), spellings[choice % len(spellings)])
    assume(n != other)
    assert not agree(str(n), str(other))
    assert not agree(str(n), str(n + 1))
    if n:
        assert not agree(str(n), grouped(-n, r"\,"))


@few(60)
@given(st.integers(-999, 999), st.integers(1, 999), places)
def test_rationals(agree, top, bottom, choice):
    value = Fraction(top, bottom)
    p, q = value.numerator, value.denominator
    spellings = [
        rf"\frac{{{p}}}{{{q}}}",
        f"{p}/{q}",
        rf"\dfrac{{{2 * p}}}{{{2 * q}}}",
        rf"{p} \div {q}",
        rf"{p} \cdot {q}^{{-1}}",
    ]
    if 1 < q < abs(p):
        sign, whole = "-" if p < 0 else "", abs(p) // q
        spellings.append(rf"{sign}{whole}\frac{{{abs(p) % q}}}{{{q}}}")
    answer = spellings[choice % len(spellings)]
    assert agree(rf"\frac{{{p}}}{{{q}}}", answer)
    assert not agree(rf"\frac{{{p + 1}}}{{{q}}}", answer)
    assert not agree(rf"\frac{{{p}}}{{{q + 1}}}", answer) or p == 0
    assert not agree(rf"\frac{{{-p}}}{{{q}}}", answer) or p == 0


@few(40)
@given(st.integers(1, 9999), st.integers(-40, 40))
def test_scientific_notation(agree, digits, exponent):
    mantissa = f"{digits / 1000:.3f}"
    gold = f"{mantissa}e{exponent}"
    assert agree(gold, rf"{mantissa} \times 10^{{{exponent}}}")
    assert agree(gold, rf"{digits} \cdot 10^{{{exponent - 3}}}")
    assert not agree(gold, rf"{mantissa} \times 10^{{{exponent + 1}}}")
    assert not agree(gold, rf"{digits + 1} \cdot 10^{{{exponent - 3}}}")


@few(40)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True), places)
def test_order_matters_in_tuples_only(agree, numbers, seed):
    shuffled = random.Random(seed).sample(numbers, len(numbers))
    listed, mixed = (", ".join(map(str, items)) for items in (numbers, shuffled))
    assert agree(listed, mixed)
    assert agree(rf"\{{{listed}\}}", rf"\{{{mixed}\}}")
    assert agree(f"({listed})", rf"\left( {listed} \right)")
    assert agree(f"({listed})", f"({mixed})") == (numbers == shuffled)
    assert not agree(f"({listed})", rf"\{{{listed}\}}")
    changed = ", ".join(map(str, [*shuffled[:-1], 51]))
    assert not agree(listed, changed)
    assert not agree(listed, ", ".join(map(str, shuffled[:-1])))


@few(40)
@given(st.integers(-20, 20), st.integers(1, 20), st.sampled_from("[("), st.sampled_from("])"))
def test_ends_matter(agree, low, width, left, right):
    high = low + width
    gold = f"{left}{low}, {high}{right}"
    signs = {"[": r"\le", "(": "<", "]": r"\le", ")": "<"}
    assert agree(gold, rf"x \in \left{left}{low},{high}\right{right}")
    other_left, other_right = "(" if left == "[" else "[", "]" if right == ")" else ")"
    assert not agree(gold, f"{other_left}{low}, {high}{right}")
    assert not agree(gold, f"{left}{low}, {high}{other_right}")
    assert not agree(gold, f"{left}{low}, {high + 1}{right}")
    if left + right != "()":  # a pair of numbers in round brackets may be a point
        assert agree(gold, f"{low} {signs[left]} x {signs[right]} {high}")
        assert not agree(gold, f"{low} {signs[other_left]} x {signs[right]} {high}")


def polynomial(coefficients):
    return " + ".join(f"({c})x^{{{n}}}" for n, c in enumerate(coefficients))


def horner(coefficients):
    text = str(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        text = f"{c} + x({text})"
    return text


@few(40)
@given(st.lists(small.filter(bool), min_size=2, max_size=5), st.integers(0, 4), st.integers(1, 3))
def test_polynomials(agree, coefficients, place, change):
    assert agree(polynomial(coefficients), horner(coefficients))
    changed = list(coefficients)
    changed[place % len(changed)] += change
    assert not agree(polynomial(coefficients), horner(changed))


@few(40)
@given(st.integers(2, 60), st.integers(1, 12), st.integers(1, 12))
def test_surds(agree, radicand, factor, offset):
    gold = rf"{offset} + {factor}\sqrt{{{radicand}}}"
    assert agree(gold, rf"\sqrt{{{radicand * factor**2}}} + {offset}")
    assert not agree(gold, rf"\sqrt{{{radicand * factor**2 + 1}}} + {offset}")
    assert not agree(gold, rf"{offset} - {factor}\sqrt{{{radicand}}}")


@few(60)
@given(st.text(max_size=80))
def test_any_text_has_a_verdict(agree, text):
    assert agree(r"\frac{7}{3}", text + " and no answer") in (True, False)
