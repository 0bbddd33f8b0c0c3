"""Read YAML text as plain values, like `yaml.safe_load`, but a repeated key in one mapping is an error."""

from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            # `<<` merges another mapping, whose keys may be given anew.
            if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                continue
            key, line = self.construct_object(key_node), key_node.start_mark.line + 1
            if key in lines:
                raise DuplicateKey(key, line, lines[key])
            lines[key] = line
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            # What looks like a date or a number and is none: 2026-13-01, 0x_.
            reason = f"{error}; put text that looks like a date or a number in quotes"
            raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark) from None


class DuplicateKey(yaml.YAMLError):
    """`key` is in `line` and in an earlier line, `first`, of the same mapping."""

    def __init__(self, key: Any, line: int, first: int) -> None:
        super().__init__(f"line {line}: key `{key}` is given twice (first in line {first}); remove one")


def fault(error: Exception) -> str:
    """Return place and reason of a text that is no YAML, `line 3: …`."""
    mark, reason = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None:
        return " ".join(str(error).split())
    if reason and "cannot start any token" in reason:
        reason = "a character that begins no value; indent with spaces, not tabs, and quote text that begins with it"
    return f"line {mark.line + 1}, column {mark.column + 1}: {reason or error}"


def parse(text: str) -> Any:
    """Return the value of a YAML document; `yaml.YAMLError` if it is not one.

    A plan reads the files of methods hundreds of times; copying their values takes an eighth of the time.
    """
    return deepcopy(_parsed(text))


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    # A subclass of the safe loader.
    return yaml.load(text, Loader=_Loader)
