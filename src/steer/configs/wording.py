"""Say in the words of YAML what is wrong with a value; pydantic speaks of Python's types."""

import re
from typing import Any

# Pydantic's name of an error, up to its last part → what the key takes.
WANTED = {
    "int": "expected an integer",
    "float": "expected a number",
    "finite": "expected a finite number",
    "bool": "expected true or false",
    "string": "expected text",
    "dict": "expected a mapping, `name: value`",
    "model": "expected a mapping, `key: value`",
    "list": "expected a list, `[a, b]`",
    "tuple": "expected a list, `[a, b]`",
}
# Patterns that keys must match, in words.
PATTERNS = {
    r"^[A-Za-z0-9_][A-Za-z0-9._-]*$": "use only letters, digits, `_`, `-` and `.`, the last two not at the start",
    r"^[A-Za-z_]\w*$": "expected one word of letters, digits and `_`",
    r"^[0-9a-f]{64}$": "expected 64 hexadecimal digits in lower case",
}
SHOWN = {dict: "a mapping", list: "a list", type(None): "null"}


def wrong_value(item: Any) -> str:
    """`expected an integer (got 'many')`, from one of the errors of a pydantic `ValidationError`."""
    kind, message = item["type"], item["msg"].removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        message = PATTERNS.get(item["ctx"]["pattern"], message)
    elif kind == "literal_error":
        message = f"expected {item['ctx']['expected']}"
    elif re.fullmatch(r"[a-z]+_(type|parsing|from_float|number|attributes_type)", kind):
        message = WANTED.get(kind.partition("_")[0], message)
    message = re.sub(r"^(Input|String|List|Tuple) should ", "must ", message)
    if kind == "value_error" and isinstance(item["input"], (dict, list)):
        return message
    return f"{message} (got {SHOWN.get(type(item['input'])) or repr(item['input'])})"
