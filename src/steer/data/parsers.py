"""Readers of rows that need more than named columns, by the name in a data set's `parser`.

Each takes a row and its index from 0, and returns an `Item`, or None for a row that is not part of the set.
"""

from steer.data.benchmarks import code_rows, math_rows
from steer.data.benchmarks.livecodebench import livecodebench
from steer.data.code_training import archer, leetcode
from steer.data.dapo import dapo

PARSERS = {
    "aime": math_rows.aime,
    "amc": math_rows.amc,
    "minerva": math_rows.minerva,
    "olympiadbench": math_rows.olympiadbench,
    "gsm8k": math_rows.gsm8k,
    "humaneval": code_rows.humaneval,
    "mbpp": code_rows.mbpp,
    "mbppplus": code_rows.mbppplus,
    "livecodebench": livecodebench,
    "dapo": dapo,
    "leetcode": leetcode,
    "archer": archer,
}
