"""Read LiveCodeBench rows as `Item`: dates, both kinds of cases, and private tests decoded without unpickling.

The hub stores private tests as base64 of zlib of a pickled JSON string. A pickle is a program, so it is not executed:
its opcodes are read, and only those that build one string, or one flat dict of strings, are accepted.
"""

import base64
import binascii
import json
import pickletools
import zlib
from datetime import date
from typing import Any

from steer.data.benchmarks.prompts import Question
from steer.data.benchmarks.source import Item

V5_WINDOW = ("2024-08-01", "2025-02-01")
_MOST_BYTES = 1 << 30

# Starter code of LeetCode problems uses these names without importing them; LiveCodeBench's runner prepends such
# imports to every program. The open class makes this text that a program continues, or defines again.
LEETCODE_PREFIX = """\
import bisect, collections, copy, datetime, functools, heapq, itertools, math, operator, random, re, string, sys
from bisect import bisect_left, bisect_right, insort
from collections import Counter, OrderedDict, defaultdict, deque
from copy import deepcopy
from functools import cache, cmp_to_key, lru_cache, reduce
from heapq import heapify, heappop, heappush, heappushpop, heapreplace, nlargest, nsmallest
from itertools import accumulate, chain, combinations, count, groupby, pairwise, permutations, product, zip_longest
from math import atan2, ceil, comb, factorial, floor, gcd, inf, isqrt, lcm, log, log2, pi, sqrt
from operator import and_, itemgetter, or_, xor
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import Any, Deque, Dict, List, Optional, Set, Tuple, Union


class Solution:
"""


# Imports of LiveCodeBench's runner before each program, and its comparison of printed numbers.
_STARRED = "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys"
RUNNER = {
    "imports": "".join(f"from {name} import *\n" for name in f"{_STARRED} json builtins typing".split())
    + f"import {', '.join(f'{_STARRED} json'.split())}\n",
    "recursion_limit": 50_000,
    "comparison": "numbers",
}


def livecodebench(row: dict[str, Any], index: int) -> Item:
    """Read one problem with all available cases: public ones, then private ones if the copy has them."""
    public = json.loads(row["public_test_cases"])
    private = private_cases(row.get("private_test_cases") or "[]")
    cases = public + private
    if not cases:
        raise ValueError("no test cases")
    functional = cases[0]["testtype"] == "functional"
    starter = row.get("starter_code") or ""
    meta = {
        "date": contest_date(row),
        "difficulty": row.get("difficulty"),
        "platform": row.get("platform"),
        "private_tests": bool(private),
    }
    return Item(
        row["question_id"],
        Question(row["question_content"], starter=starter),
        tests=RUNNER | (_function_tests(cases, json.loads(row["metadata"])) if functional else _stdin_tests(cases)),
        prefix=LEETCODE_PREFIX if functional else "",
        meta=meta,
    )


def contest_date(row: dict[str, Any]) -> str:
    """Return the day of the contest, ISO; copies store it as text or as a time stamp."""
    value = row["contest_date"]
    return value[:10] if isinstance(value, str) else value.date().isoformat()


def in_window(row: dict[str, Any], window: tuple[str, str]) -> bool:
    """Check that the date is in the window, both ends included, as in LiveCodeBench's runner."""
    first, last = (date.fromisoformat(end) for end in window)
    return first <= date.fromisoformat(contest_date(row)) <= last


def private_cases(encoded: str) -> list[dict[str, str]]:
    """Decode the cases in `private_test_cases`: plain JSON or base64 + zlib + pickle of a JSON string.

    Also reads SandboxFusion's layout, a pickled dict whose `input_output` is JSON with `inputs`, `outputs` and
    `fn_name`. Raises ValueError for anything else, and never executes a pickle.
    """
    if encoded.lstrip().startswith("["):
        return json.loads(encoded)
    try:
        packed = base64.b64decode(encoded, validate=True)
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(packed, _MOST_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"private tests are not base64 of zlib data: {error}") from None
    if not unpacker.eof:
        raise ValueError(f"private tests are cut off or larger than {_MOST_BYTES} bytes")
    value = pickled_text(data)
    if isinstance(value, str):
        return json.loads(value)
    if "input_output" not in value:
        raise ValueError("pickled private tests are neither a string nor a dict with 'input_output'")
    stored = json.loads(value["input_output"])
    kind = "functional" if stored.get("fn_name") else "stdin"
    pairs = zip(stored["inputs"], stored["outputs"], strict=True)
    return [{"input": given, "output": wanted, "testtype": kind} for given, wanted in pairs]


def pickled_text(data: bytes) -> str | dict[str, str]:
    """Return the string, or flat dict of strings, that a pickle builds. ValueError if it would do anything else."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(data):
            name = opcode.name
            if name in {"PROTO", "FRAME"}:
                continue
            if name in {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}:
                stack.append(argument)
            elif name == "EMPTY_DICT":
                stack.append({})
            elif name in {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"} and stack:
                memo[len(memo) if argument is None else argument] = stack[-1]
            elif name in {"GET", "BINGET", "LONG_BINGET"} and isinstance(memo.get(argument), str):
                stack.append(memo[argument])
            elif name == "SETITEM" and [type(part) for part in stack[-3:]] == [dict, str, str]:
                value, key = stack.pop(), stack.pop()
                stack[-1][key] = value
            elif name == "STOP" and len(stack) == 1:
                return stack[0]
            else:
                raise ValueError(f"opcode {name}")
    except ValueError as error:
        raise ValueError(f"pickle refused, only plain text is read: {error}") from None
    raise ValueError("pickle refused: it does not end")


def _stdin_tests(cases: list[dict[str, str]]) -> dict[str, Any]:
    return {"kind": "stdin", "cases": [{"input": case["input"], "output": case["output"]} for case in cases]}


def _function_tests(cases: list[dict[str, str]], metadata: dict[str, Any]) -> dict[str, Any]:
    """Read arguments: one JSON value per line."""
    return {
        "kind": "function",
        "entry_point": metadata["func_name"],
        "cases": [
            {
                "args": [json.loads(line) for line in case["input"].split("\n") if line.strip()],
                "expected": json.loads(case["output"]),
            }
            for case in cases
        ],
    }
