r"""A recursive-descent parser from LaTeX to expression trees (see `grammar`). It builds data and evaluates nothing."""

import re
from fractions import Fraction
from functools import lru_cache

from steer.verify.math.grammar import CONNECTIVES, DIVISION, PRODUCT, QUANTIFIERS, STOP, Grammar
from steer.verify.math.tokens import FUNCTIONS, Unreadable, tokenise
from steer.verify.math.trees import Node, substituted

ALIASES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log10"}
ACCENTS = {"overline", "bar", "hat", "vec", "tilde", "dot", "ddot", "widehat", "overrightarrow", "mathbb", "mathcal"}
NAMED_FUNCTIONS = set("fghFGHuPpqxyIv") | {"\\delta", "\\theta", "\\phi", "\\psi", "\\Gamma", "\\varphi", "\\Phi"}
CERTAIN_FUNCTIONS = set("fghFGHPpu")  # with an argument in parentheses these are functions, not factors
# commands that stand for no value by themselves
OPERATOR_NAMES = """
angle triangle Re Im int lim mod pmod bmod not in cup cap rightarrow Rightarrow leftarrow lor land vee wedge
subset oplus perp parallel ast odot star over cdots ldots dots circ prime le ge ne approx setminus end
"""
OPERATORS = set(OPERATOR_NAMES.split())
# all signs of logic and sets but relations, which equations have as well
SIGNS = QUANTIFIERS.union({"neg"}, *({sign[1:] for sign in signs} for signs in CONNECTIVES if "=" not in signs))
LOGIC = re.compile(rf"\\(?:{'|'.join(sorted(SIGNS))})(?![a-zA-Z])")
DERIVATIVE = re.compile(
    r"\\frac\s*\{\s*d\s*(\^\s*\{?\d\}?)?\s*(\\?[a-zA-Z]+(?:_\{?\w+\}?)?)\s*\}\s*\{\s*d\s*(\\?[a-zA-Z])\s*(\^\s*\{?\d\}?)?\s*\}"
)


class Parser(Grammar):
    """Adds atoms: names, commands, functions, matrices, series."""

    def atom(self) -> Node:
        kind, token = self.kind(), self.peek()
        if kind == "num":
            return self.number()
        if kind == "name":
            self.next()
            return self.symbol(token)
        if token == "(":
            return self.group("(", ")")
        if token == "[":
            return self.group("[", "]")
        if token == "{":
            return self.inner()
        if token in ("|", "\\lvert", "\\vert", "\\mid"):
            self.next()
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            if self.next() not in ("|", "\\rvert", "\\vert", "\\mid"):
                raise Unreadable("open absolute value")
            return ("call", "abs", node)
        if kind == "cmd":
            self.next()
            return self.command(token[1:])
        raise Unreadable(f"unexpected {token or 'end'}")

    def subscript(self) -> str:
        if self.peek() != "_":
            return ""
        self.next()
        if self.peek() != "{":
            return "_" + self.next()
        depth, parts = 0, []
        while True:
            token = self.next()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return "_" + "".join(parts)
            if token != "{" or depth > 1:
                parts.append(token.removeprefix("word:"))

    def symbol(self, name: str) -> Node:
        name += self.subscript()
        while self.peek() == "'" or (self.peek() == "^" and "\\prime" in (self.peek(1), self.peek(2))):
            if self.next() == "^":
                while self.peek() in ("{", "\\prime"):
                    name += "'" * (self.next() == "\\prime")
                if self.peek() == "}":
                    self.next()
            else:
                name += "'"
        if name in ("e", "i"):
            return ("const", name)
        stem = name.split("_")[0].rstrip("'")
        shared = self.calls is not True and self.calls and stem in self.calls
        called = shared or stem in NAMED_FUNCTIONS or self.listed()
        if (self.peek() == "(" and called) or (self.peek() == "[" and stem == "E"):
            arguments = self.arguments(stem, shared)
            if arguments:
                return ("apply", name, *arguments)
        return ("sym", name)

    def listed(self) -> bool:
        """Whether the parenthesis that opens here holds a list, which no factor does."""
        depth = 0
        for _, token in self.tokens[self.at :]:
            depth += (token in ("(", "{", "[")) - (token in (")", "}", "]"))
            if depth == 0 or (depth == 1 and token == ","):
                return depth == 1
        return False

    def arguments(self, stem: str, shared: bool) -> list[Node]:
        """Return the arguments of a named function, none if `x(t)` is a product; `calls` decides doubtful cases."""
        start = self.at
        # Read once as arguments, else the work doubles with every level of nested parentheses.
        if start in self.factors:
            return []
        closing = ")" if self.next() == "(" else "]"
        outer, self.given = self.given, stem in ("P", "p", "E", "H", "I")
        found = [self.logical()]
        while self.peek() == ",":
            self.next()
            found.append(self.logical())
        self.given = outer
        self.expect(closing)
        if shared:
            return found
        argument, certain = found[0], stem in CERTAIN_FUNCTIONS
        number, atom = argument[0] in ("num", "neg"), argument[0] in ("sym", "const")
        if (
            len(found) > 1
            or argument == ("num", 0)
            or (argument[0] == "apply" and not argument[1].isalpha() and (certain or stem == "E"))
            or (number and certain)
            or (self.calls and (number or atom or certain))
        ):
            return found
        self.at = start
        self.factors.add(start)
        return []

    def command(self, name: str) -> Node:
        if name == "frac":
            return ("div", self.braced(), self.braced())
        if name == "binom":
            if self.peek() == "(":
                self.next()
                top = self.sum()
                self.expect(",")
                bottom = self.sum()
                self.expect(")")
                return ("call", "binom", top, bottom)
            return ("call", "binom", self.braced(), self.braced())
        if name == "sqrt":
            degree = self.group("[", "]") if self.peek() == "[" else ("num", Fraction(2))
            # LaTeX draws the bar of `\sqrt15` over one digit, people mean all of them
            radicand = ("num", Fraction(self.next())) if self.peek().isdigit() else self.braced()
            return ("call", "root", radicand, degree)
        if name in ("pi", "infty", "infinity"):
            return ("const", "pi" if name == "pi" else "inf")
        if name in ("lfloor", "lceil"):
            node = self.sum()
            self.expect("\\rfloor" if name == "lfloor" else "\\rceil")
            return ("call", "floor" if name == "lfloor" else "ceil", node)
        if name in FUNCTIONS:
            return self.function(ALIASES.get(name, name))
        if name in ACCENTS:
            start = self.at
            self.braced()
            return self.symbol(name + "".join(value for _, value in self.tokens[start : self.at] if value not in "{}"))
        if name == "begin":
            return self.matrix()
        if name in ("sum", "prod"):
            return self.series(name)
        if name == "neg":
            return ("apply", "\\neg", self.power())
        if name in QUANTIFIERS:
            return self.quantified(name)
        if not name.isalpha() or name in OPERATORS:
            raise Unreadable(f"\\{name}")
        return self.symbol("\\" + name)

    def function(self, name: str) -> Node:
        power = None
        base = None
        if self.peek() == "_":
            self.next()
            base = self.braced()
        if self.peek() == "^":
            self.next()
            power = self.exponent()
        if self.peek() == "(" or self.peek() == "{" or self.peek() == "[":
            closing = {"(": ")", "{": "}", "[": "]"}[self.next()]
            arguments = [self.sum()]
            while self.peek() == ",":
                self.next()
                arguments.append(self.sum())
            self.expect(closing)
        else:
            arguments = [self.loose()]
        if name == "log" and base is not None:
            node = ("div", ("call", "ln", arguments[0]), ("call", "ln", base))
        elif name == "exp":
            node = ("pow", ("const", "e"), arguments[0])
        elif name == "cis":
            node = ("pow", ("const", "e"), ("mul", ("const", "i"), arguments[0]))
        elif power == ("neg", ("num", Fraction(1))) and "arc" + name in FUNCTIONS:
            return ("call", "arc" + name, *arguments)
        else:
            node = ("call", name, *arguments)
        return ("pow", node, power) if power is not None else node

    def loose(self) -> Node:
        """The argument of `\\sin 2x`: factors up to an operator, a parenthesis or the next function."""
        negative = self.peek() == "-"
        self.at += negative
        node = self.power()
        while self.peek() and self.peek() not in STOP | PRODUCT | DIVISION | {
            "(",
            "[",
            "^",
            "_",
            "\\lfloor",
            "\\lceil",
        }:
            if self.peek()[1:] in FUNCTIONS - {"sqrt"} and self.kind() == "cmd":
                break
            node = ("mul", node, self.power())
        return ("neg", node) if negative else node

    def matrix(self) -> Node:
        self.environment()
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while True:
            if self.peek() in ("\\\\", "\\end"):
                if row:
                    rows.append(tuple(row))
                row = []
                if self.next() == "\\end":
                    self.environment(columns=False)
                    break
            else:
                row.append(self.sum())
                if self.peek() == "&":
                    self.next()
        if not rows or len({len(row) for row in rows}) != 1:
            raise Unreadable("ragged matrix")
        return ("matrix", tuple(rows))

    def environment(self, columns: bool = True) -> None:
        self.expect("{")
        name = ""
        while self.peek() != "}":
            name += self.next()
        self.next()
        if name not in ("pmatrix", "bmatrix", "matrix", "array", "smallmatrix"):
            raise Unreadable(f"environment {name}")
        if name == "array" and columns and self.peek() == "{":
            while self.next() != "}":
                pass

    def series(self, name: str) -> Node:
        self.expect("_")
        self.expect("{")
        variable = self.symbol(self.next())
        self.expect("=")
        first = self.sum()
        self.expect("}")
        self.expect("^")
        last = self.exponent()
        index = variable[-1]  # which may be i
        return (name, index, first, last, _indexed(substituted(self.term(), variable, ("sym", index)), index))


def _indexed(node: Node, variable: str) -> Node:
    """The body of a series in which `a_k` is a function of the running index k."""
    if node[0] == "sym" and "_" in node[1]:
        stem, _, index = node[1].partition("_")
        if variable in index:
            return ("apply", stem + "_", parse(index))
    return tuple(_indexed(part, variable) if isinstance(part, tuple) and part else part for part in node)


def _derivative(match: re.Match) -> str:
    r"""One name for `\frac{d^2y}{dx^2}`, in which both orders count."""
    order, function, variable, below = (re.sub(r"\W", "", part or "") for part in match.groups())
    return f"\\text{{d{order}{function}by{below}{variable}}}"


@lru_cache(maxsize=4096)
def parse(text: str, calls: bool | frozenset[str] = True) -> Node:
    """Parse one expression. `calls` reads `f(x)` as a call rather than a product, those of its names always.

    Raises `Unreadable`.
    """
    text = DERIVATIVE.sub(_derivative, text)
    if re.fullmatch(r"\[\s*\\begin.*\\end\s*\{\w+\}\s*\]", text):
        text = text[text.index("\\") : text.rindex("]")]
    tokens = tokenise(text)
    if not tokens:
        raise Unreadable("empty")
    parser = Parser(list(tokens), calls, logic := LOGIC.search(text) is not None)
    node = parser.logical() if logic else parser.quotient()
    if parser.at < len(parser.tokens):
        raise Unreadable(f"unexpected {parser.peek()}")
    return node
