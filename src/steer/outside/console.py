"""Read console logs of verl, TRL, OpenRLHF and prime-rl. Text is matched and split, never evaluated."""

import ast
import math
import re

from steer.outside import settings, wrapped
from steer.outside.names import MARKS
from steer.outside.records import CLOCKS, Joiner, Log, Record, is_validation

# Colours and cursor; titles and links, which end in BEL or ESC \; other short sequences; NUL, of a file with a hole.
ANSI = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z^-~]|\0")
# A paste may have lost the escape character of the colours around it, and no more.
PREFIX = re.compile(r"^(?:\[\d+m)?\((?:(?P<who>[\w.]+)(?: pid=(?P<pid>\d+))?|pid=\d+)(?:, ip=[^)]*)?\)(?:\[0m)? ?")
REPEATED = re.compile(r" \[repeated \d+x across cluster\].*$")
FLOAT = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|nan|inf)"
NUMBER = re.compile(rf"^(?:np\.\w+\()?\s*({FLOAT})\s*\)?$", re.ASCII)
WRAPPERS = ("np.", "tensor", "float", "array")  # calls around a printed number
THREE = re.compile(r"[+-]?\d+\.\d{3}|[+-]?nan|[+-]?inf")
STEP = re.compile(r"^step:(\d{1,12}) - (.*)$", re.ASCII)
PROGRESS = re.compile(r"^Training Progress:.*?\| *\d+/(\d+) \[")
LAST_KEY = "perf/throughput"  # of a training line of verl; later versions add variances after it
LOGGER = r"^(?:[A-Z]+ [\d-]+ [\d:]+ [\w./]+:\d+\] ?)?"
OPENRLHF = re.compile(LOGGER + r"(?:✨ ?)?Global step (\d{1,12}): (\{.*\})$", re.ASCII)
OPENRLHF_EVAL = re.compile(LOGGER + r".*global_step (\d{1,12}), eval_metrics: (\{.*\})$", re.ASCII)
PRIME_RL = re.compile(r"^(?:[\d:]{8} +\w+ +)?Step (\d{1,12}) \| +[\dmshd. ]+\| (.*)$", re.ASCII)
PRIME_RL_KEYS = {
    "Loss": "loss/mean",
    "Entropy": "entropy/all/mean",
    "Mismatch KL": "mismatch_kl/all/mean",
    "Grad. Norm": "optim/grad_norm",
    "LR": "optim/lr",
    "Reward": "reward/all/mean",
    "Truncation": "is_truncated/all/mean",
}


def lines_of(data: bytes) -> list[tuple[str, str]]:
    """Yield (writer, text) of each line, without colours, prefixes and Ray's notes on folded lines."""
    found = []
    # A bar that is drawn over and over leaves carriage returns before what is printed next.
    for line in re.split(r"[\n\r]", data.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n")):
        text = ANSI.sub("", line)
        prefix = PREFIX.match(text)
        who = (prefix["pid"] or "") if prefix and prefix["who"] in ("TaskRunner", "main_task") else ""
        found.append((who, REPEATED.sub("", text[prefix.end() :] if prefix else text).rstrip("\r")))
    return found


def formats_of(data: bytes) -> list[str]:
    """List the trainers whose lines are in the text."""
    texts = [text for _, text in lines_of(data)]
    found = []
    if any(_verl_line(text) for text in texts):
        found.append("verl")
    if any(OPENRLHF.match(text) for text in texts):
        found.append("openrlhf")
    if any(match and _prime_rl(match[2]) for match in map(PRIME_RL.match, texts)):
        found.append("prime-rl")
    if any(_entry(text) for text in texts):
        found.append("trl")
    return found


def read(data: bytes, trainer: str, name: str, log: Log, joiner: Joiner) -> None:
    """Add the steps of a console log of the trainer to `log`."""
    lines = lines_of(data)
    log.lines += data.count(b"\n") + (not data.endswith(b"\n"))
    readers = {"verl": _verl, "trl": _trl, "openrlhf": _openrlhf, "prime-rl": _prime_rl_lines}
    joiner.ordered = trainer in ("verl", "openrlhf")
    readers[trainer](lines, data.endswith(b"\n"), name, log, joiner)
    if trainer == "verl":
        log.settings |= settings.of_verl([text for _, text in lines])
        totals = [int(match[1]) for match in map(PROGRESS.match, (text for _, text in lines)) if match]
        said = log.settings.get("training", {}).get("steps")
        log.planned = totals[-1] if totals else said if isinstance(said, int) else log.planned


def fields(text: str) -> dict[str, str]:
    """Parse `key:value - key:value` into key → value, both as printed; entries that are not numbers are dropped.

    A key may contain blanks and ` - `: a part without a colon belongs to the next one.
    """
    found, kept = {}, ""
    for part in text.split(" - "):
        kept = f"{kept} - {part}" if kept else part
        key, colon, value = kept.rpartition(":")
        if colon and NUMBER.match(value):
            found[key] = value
        if colon:
            kept = ""
    return found


def number(text: str) -> float:
    return int(text) if re.fullmatch(r"[+-]?\d{1,15}", text) else float(NUMBER.match(text)[1])


def _verl_line(text: str) -> tuple[int, dict[str, str]] | None:
    """Return step and fields if the text is a step line; samples of a validation sometimes imitate one."""
    match = STEP.match(text)
    found = fields(match[2]) if match else {}
    if not any(re.match(MARKS["verl"], key) for key in found):
        return None
    said = found.get("training/global_step")
    return None if said is not None and number(said) != int(match[1]) else (int(match[1]), found)


def _samples(texts: list[str]) -> set[int]:
    """Find the lines inside printed samples, from `[response]` to what follows; an unfinished one does not count."""
    inside: set[int] = set()
    start = None
    for place, text in enumerate(texts):
        if text.startswith(("[response]", "[prompt]")) and start is None:
            start = place
        elif start is not None and re.match(r"\[(ground_truth|score)\]", text):
            inside |= set(range(start, place))
            start = None
    return inside


def _without_intruders(found: list[tuple[int, str, int, dict[str, str]]], name: str, log: Log) -> list:
    """Remove single lines between two consecutive steps of one process: they may come from sampled text."""
    trained = [line for line in found if not all(map(is_validation, line[3].keys() - CLOCKS))]
    strange = []
    for before, line, after in zip(trained, trained[1:], trained[2:], strict=False):
        one = before[1] == after[1] and line[1] in (before[1], "")
        if one and after[2] == before[2] + 1 and line[2] not in (before[2], after[2]):
            strange.append(line)
    for line in strange:
        log.notes.append(f"{name}: a line of step {line[2]} between steps that follow one another is left out")
    return [line for line in found if line not in strange]


def _verl(lines: list[tuple[str, str]], ended: bool, name: str, log: Log, joiner: Joiner) -> None:
    samples = _samples([text for _, text in lines])
    found = [(n, who, _verl_line(text)) for n, (who, text) in enumerate(lines) if n not in samples]
    found = _without_intruders([(n, who, *step) for n, who, step in found if step is not None], name, log)
    trained = [values for *_, values in found if not all(map(is_validation, values))]
    whole = [values for n, _, _, values in found if ended or n < len(lines) - 1]
    printed = [value for values in whole for value in values.values()]
    log.fixed = log.fixed or (bool(printed) and all(THREE.fullmatch(value) for value in printed))
    closing = sum(LAST_KEY in values for values in trained) > 0
    place = {}
    for n, who, step, values in found:
        open_end = n == len(lines) - 1 and not ended
        if open_end and not _whole(lines[n][1], values, trained[:-1], log):
            log.notes.append(f"{name}: cut inside the line of step {step}; the steps before it are whole")
        elif closing and values in trained and LAST_KEY not in values:
            log.notes.append(f"{name}: the line of step {step} is cut (no {LAST_KEY}) and left out")
        else:
            row = {key: _kept(key, value, log.fixed) for key, value in values.items()}
            place[n] = step
            joiner.add([Record(step, row, who)], name)
    last = lines[-1][1] if lines else ""
    if not ended and not log.notes and last.startswith("step:") and len(lines) - 1 not in place:
        log.notes.append(f"{name}: cut inside its last line; the steps before it are whole")
    wrapped.add([text for _, text in lines], place, log)


def _whole(text: str, values: dict[str, str], others: list[dict[str, str]], log: Log) -> bool:
    """Check whether a last line without line end is complete: its last value is valid, and it ends with the key that
    all others end with, or has all keys that they share (a step may lack what others have)."""
    shared = set.intersection(*map(set, others)) if others else {LAST_KEY}
    closed = {[*each][-1] for each in others} == {[*values][-1]} if values else False
    tail = text.rpartition(":")[2]
    if not (closed or shared <= values.keys()) or not NUMBER.match(tail) or (log.fixed and not THREE.fullmatch(tail)):
        return False
    if not log.fixed and not tail.endswith(")"):
        log.notes.append("the last line has no end, so its last value may lack digits")
    return True


def _kept(key: str, text: str, fixed: bool) -> float | None:
    """Return the value; None for a learning rate too small for three decimals."""
    value = number(text)
    return None if fixed and key == "actor/lr" and value == 0 else value


def _literal(text: str) -> dict | None:
    """Read a printed dict of numbers and strings. The text is parsed, never evaluated; other values are dropped."""
    try:
        tree = ast.parse(text, mode="eval").body
        if not isinstance(tree, ast.Dict):
            return None
        pairs = [(key.value, _value(node)) for key, node in zip(tree.keys, tree.values, strict=True) if _is_name(key)]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return {key: value for key, value in pairs if value is not ...}


def _is_name(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _value(node: ast.expr) -> object:
    """Return the number, string or None of a dict's value; `...` for a list or anything else that is not one value.

    `np.float64(…)`, `tensor(…)`, `array(…)` and `float(…)` have the value of their first argument.
    """
    if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).startswith(WRAPPERS):
        return _value(node.args[0])
    if isinstance(node, ast.Name) and node.id in ("nan", "inf"):
        return node.id
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand)
        if isinstance(value, str):
            return f"-{value}" if isinstance(node.op, ast.USub) else value
        return -value if isinstance(value, int | float) and isinstance(node.op, ast.USub) else value
    return node.value if isinstance(node, ast.Constant) else ...


def numbers(entry: dict) -> dict[str, float | None]:
    """Return the numbers of an entry; numeric strings count, null stays null."""
    found: dict[str, float | None] = {}
    for key, value in entry.items():
        if isinstance(value, str) and NUMBER.match(value):
            value = float(NUMBER.match(value)[1])
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            found[str(key)] = value if not isinstance(value, int) or abs(value) < 10**15 else _float(value)
    return found


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _entry(text: str) -> dict | None:
    if not (text.startswith("{'") and text.endswith("}")):
        return None
    entry = _literal(text)
    known = entry is not None and any(re.match(MARKS["trl"], str(key).removeprefix("eval_")) for key in entry)
    return entry if known and ("loss" in entry or any(str(key).startswith("eval_") for key in entry)) else None


def _trl(lines: list[tuple[str, str]], ended: bool, name: str, log: Log, joiner: Joiner) -> None:
    """Number the entries. If the epoch falls, or does not rise after a run's summary, a new session begins, which
    continues at the first entry of that epoch."""
    epochs: list[float] = []
    closed = False
    for _, text in lines:
        entry = _entry(text)
        if entry is None:
            closed = closed or text.startswith("{'train_runtime'")
            continue
        values = numbers(entry)
        if "loss" in entry:
            epoch = values.get("epoch")
            if epoch is not None and epochs and (epoch < epochs[-1] or (closed and epoch == epochs[-1])):
                del epochs[next(place for place, earlier in enumerate(epochs) if earlier >= epoch) :]
            epochs.append(epoch if epoch is not None else epochs[-1] if epochs else 0.0)
            closed = False
        joiner.add([Record(len(epochs), values)], name)
    log.step_counts = "log entries; the console does not print the step, trainer_state.json has it"
    if not ended and lines[-1][1].startswith("{") and _entry(lines[-1][1]) is None:
        log.notes.append(f"{name}: cut inside its last line; the steps before it are whole")


def _openrlhf(lines: list[tuple[str, str]], ended: bool, name: str, log: Log, joiner: Joiner) -> None:
    for who, text in lines:
        match = OPENRLHF.match(text) or OPENRLHF_EVAL.match(text)
        entry = _literal(match[2]) if match else None
        if entry:
            entry.pop("generated_samples", None)
            joiner.add([Record(int(match[1]), numbers(entry), who)], name)
    if not ended and "lobal" in lines[-1][1] and not lines[-1][1].endswith("}"):
        log.notes.append(f"{name}: cut inside its last line; the steps before it are whole")


def _prime_rl(text: str) -> dict[str, float | None]:
    """Read fields of ` | `-separated text that have a counterpart; percentages become shares."""
    found: dict[str, float | None] = {}
    for part in text.split(" | "):
        match = re.fullmatch(rf"(.+?) +({FLOAT})(%?)(?: .*)?", part.strip(), re.ASCII)
        key = PRIME_RL_KEYS.get(match[1]) if match else None
        if key:
            found[key] = float(match[2]) / (100 if match[3] else 1)
    return found


def _prime_rl_lines(lines: list[tuple[str, str]], ended: bool, name: str, log: Log, joiner: Joiner) -> None:
    for place, (_, text) in enumerate(lines):
        match = PRIME_RL.match(text)
        if match and place == len(lines) - 1 and not ended:
            log.notes.append(f"{name}: its last line has no end and is left out; the steps before it are whole")
        elif match and _prime_rl(match[2]):
            joiner.add([Record(int(match[1]), _prime_rl(match[2]))], name)
