"""Read the validation metrics that verl prints in full precision: one string, wrapped over hundreds of lines."""

import ast
import re

from steer.outside.records import Log, is_validation

BEGIN = re.compile(r"""^\(?["'](Initial|Final) validation metrics: \{""")
VALUE = re.compile(r"'([^']+)': (?:np\.\w+\()?([-+]?(?:nan|inf|[\d.eE+-]+))")
LONGEST = 2000  # rows


def add(texts: list[str], steps: dict[int, int], log: Log) -> None:
    """Replace the three-decimal values of steps by the strings' values. `steps`: line → step of the step lines.

    The final string belongs to the last step, the initial one to the validation before training, whose line follows.
    """
    for start, text in enumerate(texts):
        kind = BEGIN.match(text)
        values = _values(texts, start) if kind else {}
        if not values:
            continue
        before = [step for line, step in steps.items() if line < start]
        after = [step for line, step in steps.items() if line > start]
        if kind[1] == "Final":
            step = before[-1] if before else None
        else:
            # Printed again after the last step; resumed runs validate at the step they resume from.
            step = after[0] if after else min(log.rows, default=0)
            if after and not any(map(is_validation, log.rows.get(step, {}))):
                step = max(step - 1, 0)
        if step is not None and (step in log.rows or not before) and _agree(log.rows.get(step, {}), values):
            log.rows.setdefault(step, {}).update(values)


def _agree(row: dict[str, float | None], values: dict[str, float]) -> bool:
    """Check that the numbers agree: a step's own line has them to three decimals."""
    shared = [(row[key], value) for key, value in values.items() if row.get(key) is not None]
    return all(abs(shown - value) <= 0.00051 for shown, value in shared if shown == shown and value == value)


def _values(texts: list[str], start: int) -> dict[str, float]:
    """Read key → value of the string that begins at the line; empty for an unfinished string."""
    joined = ""
    for text in texts[start : start + LONGEST]:
        joined += text.strip() + "\n"
        if text.rstrip().endswith(("}')", '}")', "}'", '}"')):
            break
    else:
        return {}
    try:
        said = ast.literal_eval(joined if joined.startswith("(") else f"({joined})")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    if not isinstance(said, str):
        return {}
    found = {}
    for key, value in VALUE.findall(said):
        try:
            found[key] = float(value)
        except ValueError:
            continue
    return {key: value for key, value in found.items() if is_validation(key)}
