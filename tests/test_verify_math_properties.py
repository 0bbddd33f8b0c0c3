"""For any answer: an equal rewriting is accepted; a changed number, order, end or sign is not."""

import random
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from steer.verify.math import MathVerifier
from steer.verify.math.compare import compare

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
    spellings = [str(n), grouped(n, ","), grouped(n, "{,}"), grouped(n, r"\,"), grouped(n, r",\!"), grouped(n, r"\;"),
                 grouped(n, "~"), grouped(n, r"{\,}"), f"{n}.0", f"${n}$",
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


LETTERS = st.sampled_from("ABCDE")


@few(40)
@given(LETTERS, LETTERS, places)
def test_choices(agree, letter, other, choice):
    spellings = [
        f"({letter})",
        rf"\textbf{{({letter}) }} 15",
        rf"\text{{Option {letter}}}",
        rf"\text{{Choice }} {letter}",
    ]
    assert agree(letter, spellings[choice % len(spellings)])
    assume(letter != other)
    hedges = [f"({letter}) or ({other})", f"{letter}, {other}", f"({letter}), ({other})", f"{letter}. 1 {other}. 2",
              rf"\text{{({letter}) and ({other})}}", f"({letter})({other})", f"({letter}) {other}"]  # fmt: skip
    assert not agree(letter, hedges[choice % len(hedges)])
    assert not agree(letter, f"({other})")


@few(30)
@given(st.integers(2, 9), st.integers(1, 999), places)
def test_bases(agree, base, n, choice):
    digits = "".join(str(n // base**k % base) for k in range(10)).rstrip("0")[::-1]
    spelling = ["{}_{{{}}}", "({})_{}", r"{} \text{{ (base {})}}", r"{}\text{{ in base }}{}", "{} base {}"][choice % 5]
    assert agree(f"{digits}_{{{base}}}", spelling.format(digits, base))
    # A digit with a subscript may as well be a name: 5_6.
    assert n < base or agree(str(n), spelling.format(digits, base))
    assert not agree(f"{digits}_{{{base}}}", spelling.format(digits, base + 1))
    assert not agree(f"{digits}_{{{base}}}", spelling.format(digits + "1", base))


@few(30)
@given(st.integers(1, 12), st.integers(10, 58), st.sampled_from(["AM", "PM"]), st.booleans())
def test_times_of_day(agree, hour, minute, half, dotted):
    gold = rf"\text{{{hour}:{minute} {half.lower()[0]}.m.}}" if dotted else f"{hour}:{minute} {half}"
    assert agree(gold, rf"{hour}:{minute}\text{{ {half}}}")
    assert agree(gold, f"{hour}:{minute}")
    assert not agree(gold, f"{hour}:{minute + 1} {half}")
    assert not agree(gold, f"{hour % 12 + 1}:{minute} {half}")
    assert not agree(gold, f"{hour}:{minute} {'PM' if half == 'AM' else 'AM'}")
    assert not agree(rf"{hour}:{minute} \text{{ hours}}", rf"{hour}:{minute + 1} \text{{ hours}}")


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (r"11\sqrt{10}", r"11\sqrt10", True),
        ("0", r"\sqrt10", False),
        (r"2\sqrt[3]{5}", "2∛5", True),
        (r"\{1,2\}", r"\lbrace 2, 1 \rbrace", True),
        (r"[1,2)\cup(3,4)", r"\left\lbrack 1,2\right) \bigcup (3,4)", True),
        (r"x \ne 3", r"x \not= 3", True),
        (r"x \ne 3", r"\mathbb{R} - \{3\}", True),
        (r"x \ne 3", r"\mathbb{R} - \{4\}", False),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1 \\[4pt] 2\end{pmatrix}", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1 \cr 2\end{pmatrix}", True),
        (r"5\text{ m/s}", r"5\,\frac{\mathrm{m}}{\mathrm{s}}", True),
        (r"5\text{ m/s}", r"5\ \mathrm{m\,s^{-1}}", True),
        (r"5\text{ m/s}", r"5\ \mathrm{m\,s^{-2}}", False),
        (r"\text{No}", "no", True),
        ("5", r"5 \text{ more apples}", True),
        ("5", r"5 \text{ at most}", False),
        (r"90^\circ", r"90^{\degree}", True),
        (r"\text{even}", r"\neg \text{even}", False),
    ],
)
def test_notations(agree, gold, answer, equal):
    assert agree(gold, answer) == equal


@few(60)
@given(st.text(max_size=80))
def test_any_text_has_a_verdict(agree, text):
    assert agree(r"\frac{7}{3}", text + " and no answer") in (True, False)


def test_nested_parentheses_behind_names_are_read_once():
    """Each may open arguments or a factor; trying both at every level would double the work."""
    for nested in ("x(" * 35 + "x" + ")" * 35, r"2\phi(" * 40 + "n" + ")" * 40):
        assert compare("x+1", [nested], None)[1] == "not equal"
