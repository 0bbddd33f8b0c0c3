r"""Cut LaTeX (and plain text mathematics) into tokens: ("num", digits), ("name", x), ("cmd", \x), ("op", c)."""

import re

FUNCTIONS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "arcsin", "arccos", "arctan", "arccot",
    "asin", "acos", "atan", "ln", "log", "lg", "exp", "sqrt", "abs", "max", "min", "gcd", "lcm", "floor", "ceil", "det",
    "cis", "arcsinh", "arccosh", "arctanh", "sgn", "binom", "deg", "Re", "Im", "arg",
}  # fmt: skip
WORDS = sorted(FUNCTIONS | {"pi", "infty", "infinity", "oo", "theta", "alpha", "beta", "lambda", "omega"}, key=len)[
    ::-1
]
COMMAND_NAMES = """
frac binom begin end text cdot times div pi infty infinity pm mp overline bar hat vec tilde dot ddot
widehat overrightarrow mathbb mathcal circ prime lfloor rfloor lceil rceil lvert rvert vert mid sum prod
int lim langle rangle alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda
mu nu xi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
hbar ell partial nabla odot choose cdots ldots dots in cup cap le ge ne approx quad mod pmod bmod angle triangle
emptyset setminus ast star oplus over not sqrt perp parallel imath displaystyle rightarrow Rightarrow lnot
leftrightarrow Leftrightarrow implies iff neg forall exists nexists notin subseteq lor land vee wedge subset aleph
wp Re Im
"""
COMMANDS = FUNCTIONS | set(COMMAND_NAMES.split())
GREEK_NAMES = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
GREEK = {name for name in COMMANDS if name.lower().removeprefix("var") in GREEK_NAMES.split()}
TOKEN = re.compile(
    r"\s*(?:(?P<num>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+(?![\d.a-zA-Z^]))?)"
    r"|(?P<cmd>\\(?:[a-zA-Z]+|.))|(?P<letters>[a-zA-Z]+)|(?P<op>.))",
    re.DOTALL,
)
PROBABILITY = re.compile(r"(?:\\(?:mathbb|text)\s*\{\s*P(?:r|rob)?\s*\}|\\Pr(?![a-z])|(?<![a-zA-Z\\])Pr)\s*(?=\()")
TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")

Token = tuple[str, str]


class Unreadable(ValueError):
    """The parser cannot read the text as mathematics."""


def _letters(run: str) -> list[Token]:
    """Known function names inside a run of letters; every other letter stands for itself: `xsin` is x, sin."""
    tokens: list[Token] = []
    while run:
        word = next((word for word in WORDS if run.startswith(word)), None) if len(run) > 1 else None
        if word:
            tokens.append(("cmd", "\\" + word) if word not in ("oo", "infinity") else ("cmd", "\\infty"))
        else:
            tokens.append(("name", run[0]))
        run = run[len(word) if word else 1 :]
    return tokens


def _command(name: str) -> list[Token]:
    """A command, where need be cut off the letters that were glued to it: `\\cotx`, `\\quadx`."""
    body = name[1:]
    if body in COMMANDS or not body.isalpha():
        return [("cmd", name)]
    stem = next((body[:end] for end in range(len(body) - 1, 1, -1) if body[:end] in COMMANDS), None)
    if stem is None:
        raise Unreadable(f"unknown command {name}")
    return [("cmd", "\\" + stem), *_letters(body[len(stem) :])]


def _unwrapped(match: re.Match) -> str:
    content = match.group(1).strip()
    # a letter in upright type is the letter; a longer word is one name, marked with a private-use character
    return content if len(content) <= 1 else "\ue000" + re.sub(r"[\s_.,;:'’\"-]", "", content) + "\ue001"


def tokenise(text: str) -> list[Token]:
    """Tokens of `text`, which has passed through `normalise.latex`."""
    text = TEXT.sub(_unwrapped, PROBABILITY.sub("P", text)).replace("np.", "")
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position] == "\ue000":
            end = text.find("\ue001", position)
            if end < 0:
                raise Unreadable("private-use character")
            word = text[position + 1 : end]
            if word in FUNCTIONS:
                tokens.append(("cmd", "\\" + word))
            elif word:
                tokens.append(("name", "word:" + word))
            position = end + 1
            continue
        match = TOKEN.match(text, position)
        if match is None:
            break
        kind, value = match.lastgroup, match.group(match.lastgroup)
        if kind == "op" and value == "\ue000":
            position = match.end() - 1
            continue
        position = match.end()
        if kind == "letters":
            tokens += _letters(value)
        elif kind == "cmd":
            tokens += [] if value in ("\\quad", "\\qquad", "\\displaystyle", "\\angle") else _command(value)
        elif not value.isspace():
            tokens.append((kind, value))
    return tokens
