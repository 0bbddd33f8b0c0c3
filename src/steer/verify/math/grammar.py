r"""The arithmetic half of the parser: sums, products, powers, groups and numbers. `parse.Parser` adds the atoms."""

from fractions import Fraction

from steer.verify.math.tokens import Token, Unreadable
from steer.verify.math.trees import Node, substituted
from steer.verify.math.work import TOKEN, spend

PRODUCT = {"\\cdot", "\\times", "*", "\\ast", "\\star"}
VECTOR_PRODUCTS = {"\\times": "cross", "\\cdot": "dot"}  # between names with an arrow
VECTORS = ("vec", "overrightarrow")
DIVISION = {"/", "\\div"}
STOP = {"+", "-", ")", "]", "}", ",", ";", "|", "&", "=", "<", ">", "\\rfloor", "\\rceil", "\\end", "\\\\", "\\rangle",
        "\\pm", "\\mp", "\\rvert", "\\}", ":", "\\over", "\\choose"}  # fmt: skip
# signs of logic and sets between formulas, those that bind least first
CONNECTIVES = (
    {"\\leftrightarrow", "\\Leftrightarrow", "\\iff"}, {"\\rightarrow", "\\Rightarrow", "\\implies"},
    {"\\lor", "\\vee", "\\oplus"}, {"\\land", "\\wedge"},
    {"=", "<", ">", "\\le", "\\ge", "\\ne", "\\in", "\\notin", "\\subset", "\\subseteq", "|"},
    {"\\cup", "\\cap", "\\setminus", "\\circ"},
)  # fmt: skip
STOP |= set().union(*CONNECTIVES)
BARS = {"\\vert", "\\lvert"}
QUANTIFIERS = {"forall", "exists", "nexists"}
SAME_SIGN = {"\\Rightarrow": "\\rightarrow", "\\implies": "\\rightarrow", "\\iff": "\\leftrightarrow", "\\mid": "|",
             "\\Leftrightarrow": "\\leftrightarrow", "\\vee": "\\lor", "\\wedge": "\\land"}  # fmt: skip
ANY_ORDER = {"\\leftrightarrow", "\\lor", "\\oplus", "\\land", "=", "\\ne", "\\cup", "\\cap"}
MAX_EXPONENT = 5000


def _vector(node: Node) -> bool:
    """Check whether a tree has a name with an arrow outside products that are numbers."""
    if node[0] == "sym":
        return node[1].startswith(VECTORS)
    return node[0] not in ("dot", "call") and any(
        isinstance(part, tuple) and part and _vector(part) for part in node[1:]
    )


class Grammar:
    """A cursor over tokens, and the rules that need no knowledge of commands."""

    def __init__(self, tokens: list[Token], calls: bool | frozenset[str], logic: bool = False):
        self.tokens, self.at, self.calls, self.logic = tokens, 0, calls, logic
        self.bars = self.bound = 0  # how many bars and quantifiers are open
        # in pairs, so that a bar behind a factor may open another
        self.paired = sum(token[1] == "|" for token in tokens) % 2 == 0
        self.given = False  # whether a bar is that of `P(A | B)`
        self.factors: set[int] = set()  # where a parenthesis behind a name is known to be a factor

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place][1] if place < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        if self.at >= len(self.tokens):
            raise Unreadable("unexpected end")
        self.at += 1
        spend(TOKEN)
        return self.tokens[self.at - 1][1]

    def expect(self, value: str) -> None:
        if self.next() != value:
            raise Unreadable(f"expected {value}")

    def quotient(self) -> Node:
        """A group, which `\\over` may divide: `{1 \\over 2}`, `{5 \\choose 2}`."""
        node = self.sum()
        if self.peek() in ("\\over", "\\choose"):
            node = ("div", node, self.sum()) if self.next() == "\\over" else ("call", "binom", node, self.sum())
        return node

    def logical(self, level: int = 0) -> Node:
        """Formulas joined by signs of logic and sets: each sign is an unknown function of what it joins."""
        if level == len(CONNECTIVES):
            return self.quotient()
        node = self.logical(level + 1)
        while self.peek() in CONNECTIVES[level] or (
            "|" in CONNECTIVES[level] and self.given and self.peek() == "\\mid"
        ):
            sign = self.next()
            sign, right = SAME_SIGN.get(sign, sign), self.logical(level + 1)
            joined = (
                [side] if side[:2] != ("apply", sign) or sign not in ANY_ORDER else side[2:] for side in (node, right)
            )
            node = ("apply", sign, *(part for side in joined for part in side))
        return node

    def quantified(self, name: str) -> Node:
        """`\\forall x \\in A: …` with a name for x that depends on its place alone."""
        if self.peek() == "!":
            name += self.next()
        variable = self.symbol(self.next())
        domain = (self.next(), self.sum()) if self.peek() in ("\\in", "<", ">", "\\le", "\\ge", "\\ne") else ()
        while self.peek() in (",", ":", ";", "|", "\\mid"):
            self.next()
        self.bound += 1
        place = ("sym", f"bound{self.bound}")
        body = self.logical() if self.peek() not in ("", ")", "]", "}") else ()
        self.bound -= 1
        parts = [("apply", *domain)] if domain else []
        return ("apply", f"\\{name}", place, *parts, *([substituted(body, variable, place)] if body else []))

    def sum(self) -> Node:
        node = self.term()
        while self.peek() in ("+", "-"):
            operator = self.next()
            right = self.term()
            node = ("add", node, right if operator == "+" else ("neg", right))
        return node

    def term(self) -> Node:
        node = self.signed()
        while True:
            token = self.peek()
            if token in PRODUCT:
                self.next()
                right = self.signed()
                while _vector(node) and not _vector(right) and self.factor_follows():
                    right = ("mul", right, self.power())
                vectors = token in VECTOR_PRODUCTS and _vector(node) and _vector(right)
                node = (VECTOR_PRODUCTS[token] if vectors else "mul", node, right)
            elif token in DIVISION:
                self.next()
                node = ("div", node, self.signed())
            elif self.kind() == "num" and self.tokens[self.at - 1][0] == "num":
                raise Unreadable("two numbers side by side")
            elif self.factor_follows():
                node = ("mul", node, self.power())
            else:
                return node

    def factor_follows(self) -> bool:
        token = self.peek()
        if token == "|" and self.paired and not (self.bars or self.given):  # `x^2|x|`
            return True
        ends = STOP | PRODUCT | DIVISION | (BARS if self.bars else set()) | ({"\\mid"} if self.given else set())
        return token != "" and token not in ends

    def signed(self) -> Node:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self.next() == "-"
        node = self.power()
        return ("neg", node) if negative else node

    def power(self) -> Node:
        node = self.postfix(self.atom())
        while self.peek() == "^":
            self.next()
            if (self.peek() == "{" and self.peek(1) in ("\\circ", "\\prime")) or self.peek() == "\\circ":
                group = self.peek() == "{"
                self.at += group
                mark = self.next()
                if mark != "\\circ" or (group and self.next() != "}"):
                    raise Unreadable("prime on an expression")
                self.no_number()
                node = ("mul", node, ("div", ("const", "pi"), ("num", Fraction(180))))
            else:
                node = ("pow", node, self.exponent())
            node = self.postfix(node)
        return node

    def exponent(self) -> Node:
        if self.peek() in ("+", "-"):
            return ("neg", self.power()) if self.next() == "-" else self.power()
        if self.kind() == "num":
            digits = self.peek()
            if len(digits) > 1 and digits.isdigit():  # LaTeX raises one digit only, people mean all of them
                return ("num", Fraction(int(self.next())))
        if self.peek() == "{":
            return self.group("{", "}")
        return self.power()

    def postfix(self, node: Node) -> Node:
        while self.peek() in ("!", "%"):
            operator = self.next()
            if operator == self.peek() == "!":
                raise Unreadable("double factorial")
            node = ("fact", node) if operator == "!" else ("div", node, ("num", Fraction(100)))
            if operator == "%":
                self.no_number()
        return node

    def no_number(self) -> None:
        """Refuse a number that stands directly behind another one and its mark: `1^\\circ 5`, `5\\%1`."""
        if self.kind() == "num":
            raise Unreadable("two numbers side by side")

    def inner(self) -> Node:
        """A group in braces, which are not drawn: `1{2}` and `{5}1` look like one number."""
        behind = self.at and self.tokens[self.at - 1][0] == "num"
        node = self.group("{", "}")
        if node[0] == "num":
            self.no_number()
            if behind or (self.peek() == "{" and self.peek(1)[:1].isdigit()):
                raise Unreadable("two numbers side by side")
        return node

    def group(self, opening: str, closing: str) -> Node:
        self.expect(opening)
        bars, self.bars = self.bars, 0
        node = self.logical() if self.logic else self.quotient()
        self.bars = bars
        self.expect(closing)
        return node

    def braced(self) -> Node:
        """An argument of \\frac and the like: a group, or a single digit or letter."""
        if self.peek() == "{":
            return self.group("{", "}")
        if self.kind() == "num" and len(self.peek()) > 1 and self.peek().isdigit():
            digits = self.next()
            self.at -= 1
            self.tokens[self.at] = ("num", digits[1:])
            return ("num", Fraction(int(digits[0])))
        return self.atom()

    def number(self) -> Node:
        literal = self.next()
        mantissa, _, exponent = literal.lower().partition("e")
        if len(mantissa) > 2000 or (exponent and abs(int(exponent)) > MAX_EXPONENT):
            raise Unreadable("number too long")
        value = Fraction(mantissa.rstrip(".")) * Fraction(10) ** int(exponent or 0)
        if "." in mantissa and self.peek() in ("\\overline", "\\bar", "\\dot"):
            return ("num", value + self.cycle(len(mantissa.partition(".")[2])))
        if literal.isdigit() and self.peek() == "\\frac":  # a mixed number, if both parts are whole and it is proper
            start = self.at
            self.next()
            top, bottom = self.braced(), self.braced()
            if (
                top[0] == bottom[0] == "num"
                and 0 < top[1] < bottom[1]
                and top[1].denominator == bottom[1].denominator == 1
            ):
                return ("num", value + top[1] / bottom[1])
            self.at = start
        return ("num", value)

    def cycle(self, places: int) -> Fraction:
        self.next()
        grouped = self.peek() == "{"
        self.at += grouped
        digits = self.next()
        if not digits.isdigit() or len(digits) > 50 or (grouped and self.next() != "}"):
            raise Unreadable("repeating decimal")
        if self.kind() == "num":
            raise Unreadable("two numbers side by side")
        return Fraction(int(digits), (10 ** len(digits) - 1) * 10**places)

    def atom(self) -> Node:
        raise NotImplementedError
