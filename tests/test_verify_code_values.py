"""Values that cross the boundary, and when two of them are equal."""

import collections
import contextlib
import copy
import datetime
import json
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.verify.code import wire
from steer.verify.code.compare import same_text, same_value

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.complex_numbers(allow_nan=False),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.integers(-(1 << 20_000), 1 << 20_000),
)
keys = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.tuples(st.integers(), st.text()))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
        st.sets(keys),
        st.frozensets(keys),
        st.lists(inner).map(collections.deque),
    ),
    max_leaves=20,
)


def crossed(value, **options):
    data = wire.frame(["ok", wire.encode(value)])
    (length,) = wire.HEADER.unpack(data[:4])
    assert length == len(data) - 4
    return wire.decoder(**options)(data[4:])[1]


def kinds(value):
    if isinstance(value, dict):
        return [dict, *((kinds(k), kinds(v)) for k, v in value.items())]
    if isinstance(value, list | tuple | collections.deque):
        return [type(value), *map(kinds, value)]
    return type(value)


@settings(deadline=None, max_examples=300)
@given(values)
def test_plain_data_comes_back_equal_and_of_the_same_types(value):
    back = crossed(value)
    assert back == value
    assert kinds(back) == kinds(value)


def test_what_equality_does_not_show():
    assert math.isnan(crossed(float("nan")))
    assert crossed([math.inf, -math.inf]) == [math.inf, -math.inf]
    assert math.copysign(1, crossed(-0.0)) == -1
    assert crossed(range(1, 9, 3)) == range(1, 9, 3)
    assert list(crossed({2: 3, 1: 4}.keys())) == [2, 1]
    assert crossed({1: 2}.items()) == {1: 2}.items()
    assert list(crossed({1: 2}.values())) == [2]
    assert crossed(...) is ...
    assert crossed("\ud800") == "\ud800"


@pytest.mark.parametrize(
    ("subclass", "plain"),
    [
        (type("I", (int,), {"__eq__": lambda s, o: True})(3), 3),
        (type("S", (str,), {"__eq__": lambda s, o: True})("a"), "a"),
        (type("L", (list,), {"__eq__": lambda s, o: True, "__iter__": lambda s: iter([9])})([1, 2]), [1, 2]),
        (type("T", (tuple,), {"__eq__": lambda s, o: True})((1,)), (1,)),
        (type("D", (dict,), {"__eq__": lambda s, o: True, "items": lambda s: [(9, 9)]})({1: 2}), {1: 2}),
        (type("F", (float,), {"__eq__": lambda s, o: True})(0.5), 0.5),
        (type("C", (collections.Counter,), {"__eq__": lambda s, o: True})("aab"), {"a": 2, "b": 1}),
        (collections.defaultdict(lambda: 9, {1: 2}), {1: 2}),
    ],
)
def test_subclasses_cross_as_the_plain_type_under_them(subclass, plain):
    back = crossed(subclass)
    assert type(back) is type(plain)
    assert back == plain


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        collections.Counter("aab"),
        collections.OrderedDict([(2, 1), (1, 2)]),
        collections.defaultdict(list, {1: [2]}),
        datetime.date(2020, 2, 29),
        datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.timezone(datetime.timedelta(hours=-3))),
        datetime.time(1, 2, 3, 4),
        datetime.timedelta(-1, 2, 3),
        int,
        type(None),
        UnicodeDecodeError,
    ],
)
def test_library_types_come_back_as_they_were(value):
    back = crossed(value)
    assert back == value and type(back) is type(value)
    assert getattr(back, "default_factory", None) is getattr(value, "default_factory", None)


def test_a_named_tuple_keeps_its_names_and_is_a_tuple():
    back = crossed(Point(1, [2]))
    assert back == (1, [2]) == (back.x, back.y) and back._asdict() == {"x": 1, "y": [2]}
    assert copy.deepcopy(back).y == [2] and not hasattr(back, "z")
    with pytest.raises(wire.MALFORMED):
        wire.decoder()(json.dumps(["ok", {"named": [1, 2]}]).encode())


def test_a_fraction_that_takes_long_to_reduce_is_refused():
    large = {"int": "0x" + "f" * 100_000}
    with pytest.raises(ValueError, match="fraction"):
        wire.decoder()(json.dumps(["ok", {"fraction": [large, large]}]).encode())


def test_numpy_values_become_plain_or_arrays():
    numpy = pytest.importorskip("numpy")
    assert crossed(numpy.int64(3)) == 3
    assert crossed(numpy.array([[1, 2]])) == [[1, 2]]
    assert crossed(numpy.array([1.5]), arrays=True).dtype == float


@pytest.mark.parametrize("value", [object(), lambda: 0, (i for i in ()), open, NotImplemented, [object()]])
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(wire.NotPlain):
        wire.encode(value)


def test_depth_is_bounded():
    nested = []
    for _ in range(wire.MAX_DEPTH + 2):
        nested = [nested]
    with pytest.raises(wire.NotPlain, match="nested"):
        wire.encode(nested)


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(), st.floats()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_hostile_json_raises_only_what_is_caught(message):
    for tag in [*wire._DECODERS, "ndarray"]:
        with contextlib.suppress(*wire.MALFORMED):
            wire.decoder()(json.dumps({tag: message}).replace("NaN", "0").replace("Infinity", "0").encode())


@pytest.mark.parametrize(
    ("expected", "answer", "same"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, 2, False),
        (3, 2.9999999999, True),
        (5_000_000_000, 5_000_000_001.0, False),  # near, and another count
        (10**18 + 1, 1e18, False),
        (1e18, 10**18 + 1, True),  # expected as a float, so measured as one
        (True, 1, True),
        ([1, 2], (1, 2), True),
        ([1, 2], [2, 1], False),
        ([1], {1}, False),
        ({"1": [2]}, {1: (2,)}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"1": 1}, {1: 1, "1": 1}, False),
        (0.3, 0.1 + 0.2, True),
        (0.3, 0.3001, False),
        (1e300, 1.0000001e300, False),
        (0.0, 5e-17, True),
        (0.0, 1e-9, False),
        (5.5e-17, 0.0, True),
        (1e-300, 5e-200, False),
        (0.0, 1e-300, True),
        (3.14159, math.pi, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        (float("inf"), float("inf"), True),
        (1e308, 10**400, False),
        (None, False, False),
        (None, 0, False),
        ("1", 1, False),
        ([], None, False),
        ("a", ["a"], False),
        (0.5, Fraction(1, 2), True),
        (2, Decimal(2), True),
        (2, Decimal("sNaN"), False),
        ([0.5], [Decimal("sNaN")], False),
        ([[1.0, "x"]], [(1, "x")], True),
        (1.5, True, False),
        ([], (), True),
        ({"true": 1, "null": 2}, {True: 1, None: 2}, True),
    ],
)
def test_equality_of_function_results(expected, answer, same):
    assert same_value(expected, answer) is same


@pytest.mark.parametrize(
    ("expected", "answer", "same"),
    [
        ("1 2\n3\n", "1 2\n3", True),
        ("1 2\n", "1  2 \n\n", True),
        ("1\r\n2\r\n", "1\n2\n", True),
        ("1 2", "1 3", False),
        ("1 2", "1", False),
        ("1", "1 1", False),
        ("", "", True),
        ("", " \n", True),
        ("", "1", False),
        ("YES", "Yes", False),
        ("0.5", "0.50", True),
        ("0.5", "1/2", False),
        ("10", "0010", False),
        ("10", "10.0", False),
        ("10.0", "10", True),
        ("0.333333", "0.3333333333", True),
        ("0.333333", "0.3333339", False),
        ("0.33", "0.3333333", False),
        ("1e5", "100000.0", True),
        ("3.14159", "3.141592653", False),
        ("0.123456789", "0.12345678912", True),
        ("nan", "NaN", False),
        ("-0.0", "0.0", True),
        ("1e999", "inf", False),
        ("7e1234", "3e5678", False),
        ("7e1234", "7.0e1234", True),
        ("1e-400", "5e-999", False),
        ("1e-300", "5e-200", False),
        ("1e-400", "1.0e-400", True),
        ("0.0", "1e-17", True),
        ("1e-15", "3e-15", True),
        ("1e9999999999999999999999", "1e9999999999999999999998", False),
        ("12345678901234567890", "12345678901234567891", False),
    ],
)
def test_equality_of_outputs(expected, answer, same):
    assert same_text(expected.encode(), answer.encode()) is same


@pytest.mark.parametrize(
    ("expected", "answer", "same"),
    [
        ("60", "60.0", True),
        ("60", "6e1", True),
        ("60", "60.000001", False),
        ("60", "sixty", False),
        ("1 2", "1.0 2", True),
        ("12345678901234567890", "12345678901234567891", False),
        ("0.5", "0.5000000001", True),
        ("60", "0x3c", False),
    ],
)
def test_outputs_compared_as_numbers(expected, answer, same):
    assert same_text(expected.encode(), answer.encode(), numbers=True) is same
