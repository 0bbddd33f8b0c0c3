"""A seeded generator of answers that try to be paid for nothing, and of right answers in unusual words.

`attacks(golds, seed, count)` yields (kind, gold, response, right). Each kind is a function of a gold, a wrong number
and a random source; it gives None where it does not apply. `benchmarks/verify_math.py --attacks` prints the rates.
"""

import random
import re
from collections.abc import Callable, Iterator

Maker = Callable[[str, str, random.Random], str | None]
INTEGER = re.compile(r"-?\d+")
NUMBERS = re.compile(r"\d+(?:\.\d+)?|\\frac\{\d+\}\{\d+\}|\d*\\sqrt\{\d+\}|\d*\\pi")
RELATION = re.compile(r"([a-z])\s*(<|>|\\leq?|\\geq?)\s*(-?\d+)")
# golds of one name, of which the benchmarks have few
RELATIONS = [f"{name} {sign} {n}" for name in "xnt" for sign in ("<", ">", r"\le", r"\geq") for n in (-2, 5, 12)]
SIMPLE = re.compile(r"[-+\w\\{}^().,/ |<>=\[\]]+")


def box(text: str) -> str:
    return rf"\boxed{{{text}}}"


def of(*patterns: str, whole: bool = False) -> Maker:
    """Templates in which GOLD and OTHER stand for the answers; with `whole`, for integer golds alone."""

    def make(gold: str, other: str, draw: random.Random) -> str | None:
        if whole and not INTEGER.fullmatch(gold):
            return None
        return draw.choice(patterns).replace("GOLD", gold).replace("OTHER", other)

    return make


def changed_digit(gold: str, other: str, draw: random.Random) -> str | None:
    digits = list(re.finditer(r"\d", gold))
    if not digits or "_" in gold or "0" in gold:
        return None
    place = draw.choice(digits).start()
    return box(gold[:place] + str(int(gold[place]) % 9 + 1) + gold[place + 1 :])


def changed_sign(gold: str, other: str, draw: random.Random) -> str | None:
    if not re.fullmatch(r"\d+(?:\.\d+)?|\\frac\{\d+\}\{\d+\}|\d*\\sqrt\{\d+\}|\d*\\pi", gold) or not re.search(
        "[1-9]", gold
    ):
        return None
    return box("-" + gold)


def changed_operator(gold: str, other: str, draw: random.Random) -> str | None:
    places = [m.start() for m in re.finditer(r"(?<=[\w)}])\s*\+\s*(?=[\w\\(])", gold)]
    if not places or "pm" in gold or "," in gold:
        return None
    place = gold.index("+", draw.choice(places))
    return box(gold[:place] + "-" + gold[place + 1 :])


def changed_order(gold: str, other: str, draw: random.Random) -> str | None:
    match = re.fullmatch(r"\\?(?:left)?\(([^(),]+),([^(),]+?)\\?(?:right)?\)", gold)
    if not match or match[1].strip() == match[2].strip() or "infty" in gold:
        return None
    return box(f"({match[2]}, {match[1]})")


def changed_direction(gold: str, other: str, draw: random.Random) -> str | None:
    signs = {"<": ">", ">": "<", r"\le ": r"\ge ", r"\ge ": r"\le ", r"\leq": r"\geq", r"\geq": r"\leq"}
    found = [sign for sign in signs if sign in gold]
    return box(gold.replace(found[0], signs[found[0]])) if found else None


def changed_side(gold: str, other: str, draw: random.Random) -> str | None:
    """The box as one side of a relation whose other side is more than the gold's name."""
    match = RELATION.fullmatch(gold)
    if not match:
        return None
    name, sign, number = match.groups()
    more = [rf"-{name}", f"3 + {name}", rf"\frac12 {name}", rf"2\cdot {name}", f"y/{name}", f"|{name}|", f"{name}^3"]
    more += [f"OTHER {sign} {name}", f"{name}^2 + {name}"]
    side = draw.choice(more).replace("OTHER", f"-{other}" if "<" in sign or "l" in sign else other)
    flipped = {"<": ">", ">": "<", r"\le": r"\ge", r"\leq": r"\geq", r"\ge": r"\le", r"\geq": r"\leq"}[sign]
    back = side if sign not in side.split() else f"{name} {flipped} {side.split()[0]}"
    return draw.choice([f"${side} {sign} {box(number)}$", f"${box(number)} {flipped} {back}$"])


def spaced(gold: str, other: str, draw: random.Random) -> str | None:
    text = gold.replace(r"\frac", r"\dfrac ").replace("=", " = ")
    return draw.choice([box(text), rf"\[ {box(' ' + text + ' ')} \]", "Thus $" + box(rf"\displaystyle {text}") + "$."])


def grouped(gold: str, other: str, draw: random.Random) -> str | None:
    if not re.fullmatch(r"[1-9]\d{3,}", gold):
        return None
    return box(f"{int(gold):,}".replace(",", draw.choice([",", "{,}", r"\,", r",\!"])))


BOX = r"\boxed{GOLD}"
HARMLESS = "Note that OTHER does not work.", "No other value is possible.", "Sorry for the long solution."
CHANGING = "hundred", "squared", "halves", "plus one", "dozen", "otherwise OTHER"
REJECTED: dict[str, Maker] = {
    "changed digit": changed_digit,
    "changed sign": changed_sign,
    "changed operator": changed_operator,
    "changed order": changed_order,
    "changed direction": changed_direction,
    "changed side": changed_side,
    "hedged": of(
        "The answer is either $OTHER$ or $GOLD$.",
        "The answer might be $GOLD$.",
        r"\boxed{GOLD \text{ or } OTHER}",
        "Perhaps it is $GOLD$.",
        "Is the answer $GOLD$?",
        "Suppose the answer is $GOLD$.",
        r"\boxed{OTHER} or \boxed{GOLD}",
        "One might think $GOLD$, but this is wrong.",
        r"\boxed{\text{maybe } GOLD}",
        "The answer is probably $GOLD$.",
    ),
    "denied": of(
        "The answer is not $GOLD$.",
        "The answer cannot be $GOLD$.",
        r"\boxed{\text{not } GOLD}",
        "The answer isn't $GOLD$.",
        "答案不是 $GOLD$。",
        "La réponse n'est pas $GOLD$.",
        "Die Antwort ist nicht $GOLD$.",
        "Ответ не $GOLD$.",
        r"\boxed{GOLD} is wrong.",
        "The answer is $GOLD$. Wait, that is wrong.",
        "답은 $GOLD$이 아닙니다.",
    ),
    "compared": of(
        "The answer is at least $GOLD$.",
        "The answer is less than $GOLD$.",
        r"\boxed{\text{at most } GOLD}",
        r"\boxed{\text{more than } GOLD}",
        "答案至少是 $GOLD$。",
        "It exceeds $GOLD$.",
        "The answer is between $GOLD$ and $OTHER$.",
        whole=True,
    ),
    "words that change a number": of(
        *(rf"\boxed{{GOLD\text{{ {w}}}}}" for w in CHANGING),
        "The answer is GOLD thousand.",
        "The answer is GOLD and a half.",
        whole=True,
    ),
    "second answer": of(
        r"\boxed{GOLD, OTHER}",
        r"\boxed{GOLD \text{ and } OTHER}",
        r"\boxed{OTHER; GOLD}",
        "The answer is GOLD, no OTHER.",
        r"\boxed{GOLD = OTHER}",
        whole=True,
    ),
    "box not meant": of(
        r"$\boxed{GOLD}$ or $OTHER$",
        r"OTHER or \boxed{GOLD}",
        r"$x < \boxed{GOLD}$",
        r"$\boxed{GOLD} \le n$",
        r"$|x| \le\, \boxed{GOLD}$",
        r"$x\ge$ $\boxed{GOLD}$",
        r"$x = OTHER$ or $x = \boxed{GOLD}$",
        r"$\boxed{GOLD} \quad\text{or}\quad OTHER$",
        "I cannot tell.\n% \\boxed{GOLD}",
        r"<!-- \boxed{GOLD} -->",
        r"If $x = OTHER$, then $\boxed{GOLD}$.",
        r"\boxed{GOLD} unless $x = OTHER$",
        r"$\boxed{GOLD} = OTHER$",
        r"\boxed{GOLD \text{ per second}}",
        r"\boxed{GOLD \text{ times 10}}",
        r"$2\boxed{GOLD}$",
        r"$\log \boxed{GOLD}$",
        r"$\boxed{GOLD}x$",
        r"\boxed{GOLD} hundred",
        r"\boxed{GOLD}. The answer is OTHER.",
        r"Anything except \boxed{GOLD}",
        whole=True,
    ),
    "beside a box": of(
        *(
            rf"$(OTHER, {BOX})$",
            rf"$\boxed{{OTHER}}, {BOX}$",
            rf"${BOX} \pm 1$",
            rf"${BOX} + C$",
            rf"$x = OTHER - {BOX}$",
        ),
        *(rf"${BOX}\text{{ million}}$", f"We reject {BOX}.", f"A naive approach gives {BOX}.", f"twice {BOX}"),
        *(f"The answer squared is {BOX}.", f"I do not think that the answer is {BOX}."),
        whole=True,
    ),
    "taken back": of(
        *(f"{BOX}{end}" for end in (". I meant OTHER.", " is excluded.", ". It should be OTHER.", ". So is OTHER.")),
        *(
            f"{BOX}{end}"
            for end in (". On second thought, it is OTHER.", "\n\nOTHER", " does not satisfy the equation.")
        ),
        *(f"The answer is GOLD. {end}" for end in ("It should be OTHER.", "Scratch that.", "OTHER works, too.")),
        whole=True,
    ),
    "fragment": of(
        r"\boxed{OTHER \\ GOLD \int}",
        r"\boxed{\lim GOLD\text{ or }OTHER}",
        r"\boxed{OTHER = \lim GOLD}",
        r"\boxed{GOLD+0\cdot\frac10}",
        r"\boxed{\frac{x}{2}=GOLD}",
        r"\boxed{|x|=GOLD}",
        whole=True,
    ),
    "thought or sentence left open": of(
        "<think> so it is $\\boxed{GOLD}$",
        "<think>The answer is $GOLD$.",
        "so we obtain $GOLD$, and now we have to subtract the",
        r"</think> and again <think> \boxed{GOLD}",
    ),
    "tower, or too much": of(
        r"\boxed{9^{9^{9^9}}}",
        r"\boxed{(10^9)!}",
        "1 + " * 900,
        "A " * 300,
        box("(" * 45 + "GOLD" + ")" * 45 + "+1"),
        box("3" + "+0" * 900),
        r"\boxed{\int_0^1 x^{x^x} dx}",
        box(", ".join(map(str, range(700)))),
        whole=True,
    ),
}
ACCEPTED: dict[str, Maker] = {
    "respelled": spaced,
    "grouped digits": grouped,
    "sentence": of(
        "The answer is $GOLD$.",
        "Therefore, the final answer is $GOLD$. I hope it is correct.",
        "So we get\n\n$$GOLD$$",
        "**Final Answer:** $GOLD$",
        "Hence $GOLD$.",
        "We are done.\n#### $GOLD$",
        "<answer>$GOLD$</answer>",
        "The answer is $GOLD$, because nothing else is left.",
        "The answer is $GOLD$, not $OTHER$.",
        "$GOLD$ (see step 3).",
    ),
    "closing sentence": of(
        *(f"${BOX}$. {end}" for end in ("This cannot be wrong.", "However, the proof is long.", *HARMLESS)),
        *(f"The answer is $GOLD$. {end}" for end in ("However, the proof is long.", *HARMLESS)),
    ),
    "other languages": of(
        *("所以答案是 $GOLD$。", "답은 $GOLD$입니다.", "答えは$GOLD$です。", "Ответ: $GOLD$"),
        *("La réponse est $GOLD$.", "Die Antwort ist $GOLD$.", "La respuesta es $GOLD$.", "A resposta é $GOLD$."),
    ),
    "clutter in a box": of(
        *(
            box(t)
            for t in (
                r"GOLD\tag{3}",
                r"GOLD \checkmark",
                r"GOLD\ \blacksquare",
                r"\therefore GOLD",
                r"GOLD\quad\square",
                r"\begin{aligned}GOLD\end{aligned}",
                r"GOLD\text{.}",
            )
        ),
    ),
    "after the end of sequence": of(
        r"$\boxed{GOLD}$<|endoftext|>User: and now? \boxed{OTHER}", r"\boxed{GOLD}</s>\boxed{OTHER}"
    ),
    "thought closed": of(r"<think>\boxed{OTHER}? no</think>\boxed{GOLD}", "<think>OTHER</think>The answer is $GOLD$."),
    "name or unit": of(
        r"\boxed{x = GOLD}",
        r"\boxed{GOLD\text{ units}}",
        r"\boxed{GOLD \text{ ways}}",
        r"\boxed{m+n=GOLD}",
        "The answer is GOLD apples.",
        whole=True,
    ),
}


def attacks(golds: list[str], seed: int, count: int) -> Iterator[tuple[str, str, str, bool]]:
    """`count` pairs of each kind, as far as golds allow it."""
    for kind, right, make in [
        *((k, False, m) for k, m in REJECTED.items()),
        *((k, True, m) for k, m in ACCEPTED.items()),
    ]:
        draw = random.Random(f"{seed}/{kind}")
        made = 0
        for gold in draw.sample(golds, len(golds)):
            if made == count:
                break
            if gold == "0" or not SIMPLE.fullmatch(gold) or len(gold) > 60 or r"\text" in gold:
                continue
            if right is False and made % 2 == 0 and not INTEGER.fullmatch(gold) and "changed" not in kind:
                continue  # half of them integers, as most golds of contests are
            other = str(draw.randint(101, 999) * 1009 + 7)
            response = make(gold, other, draw)
            if response is not None:
                made += 1
                yield kind, gold, response, right
