r"""One spelling for the same LaTeX: wrappers, spacing, synonyms, look-alike characters. No meaning is judged."""

import re
import unicodedata

from steer.verify.math.clutter import COMMAND, cleared

VULGAR = "½12 ¼14 ¾34 ⅓13 ⅔23 ⅕15 ⅖25 ⅗35 ⅘45 ⅙16 ⅚56 ⅛18 ⅜38 ⅝58 ⅞78"
UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "÷": "/", "π": "\\pi ",
        "∞": "\\infty ", "≤": "\\le ", "≥": "\\ge ", "≠": "\\ne ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ",
        "±": "\\pm ", "∠": "\\angle ", "°": "^\\circ ", "√": "\\sqrt ", "∛": "\\sqrt[3] ",
        "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ",
        "θ": "\\theta ", "α": "\\alpha ", "β": "\\beta ", "λ": "\\lambda ", "ω": "\\omega ",
        "ℝ": "\\mathbb{R}", "∅": "\\emptyset ", "（": "(", "）": ")", "，": ",", "：": ":", "；": ";",
        "“": "\"", "”": "\"", "’": "'", "‘": "'", "′": "'", "\u00a0": " ", "\u202f": " ", "\u2009": " ", 
        "∀": "\\forall ", "∃": "\\exists ", "¬": "\\neg ", "∧": "\\land ", "∨": "\\lor ", "→": "\\rightarrow ",
        "↔": "\\leftrightarrow ", "⇔": "\\leftrightarrow ", "∣": "\\mid ", "∉": "\\notin ", "⊂": "\\subset ",
        "⊆": "\\subseteq ", "∖": "\\setminus ", "∘": "\\circ ",
    }
    | {c: f"\\frac{{{n}}}{{{d}}}" for c, n, d in VULGAR.split()}
)  # fmt: skip
TIMES = re.compile(r"(?<=\d)\s*x\s*(?=10\s*\^)")  # `6.02 x 10^23`
RAISED, LOWERED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+"), re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
LEVEL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ₀₁₂₃₄₅₆₇₈₉", "0123456789+-n0123456789")
NAMES = (
    "frac dfrac tfrac cfrac left right sqrt pi le leq ge geq lt gt ne neq boxed text mathrm textbf mathbf times cdot"
    " infty circ cup cap in pm sin cos tan cot sec csc ln log exp theta alpha beta gamma delta omega lambda begin end"
    " quad qquad binom overline lfloor rfloor lceil rceil"
)
DOUBLED = re.compile(r"(?<!\\)\\\\(?=(?:{})(?![a-zA-Z]))".format("|".join(NAMES.split())))
# `\left.` is a bracket that is not drawn; the point of `\displaystyle .5` is a decimal one
SIZES = re.compile(
    r"\\(?:(?:left|right)(?![a-zA-Z])\s*\.?|(?:middle|[bB]igg?[lr]?|(?:display|text|script)style|limits|tiny|small"
    r"|normalsize|large|Large|LARGE|huge|Huge)(?![a-zA-Z])\s*)"
)
SPACES = re.compile(r"(?<!\\)\\(?:quad|qquad|enspace|thinspace|hspace\*?\{[^{}]*\})|(?<!\\)\\[,;: ]")
EQUATIONS = re.compile(r"(?<=\w)\s*\\(?:q?quad|\\)\s*(?=[a-zA-Z](?:_\w)?\s*=)")  # `x = 4 \quad y = -1`
SYNONYMS = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leq": "le", "geq": "ge", "leqslant": "le", "geqslant": "ge",
    "lt": "<", "gt": ">", "neq": "ne", "dbinom": "binom", "tbinom": "binom", 
    "varnothing": "emptyset", "to": "rightarrow", "lnot": "neg", "mbox": "text", "textnormal": "text", "textrm": "text",
    "textbf": "text", "textit": "text", "mathrm": "text", "mathbf": "text", "operatorname": "text", "rm": "text",
    "boldsymbol": "text", "textsf": "text", "texttt": "text", "hbox": "text", "mathit": "text", "bold": "text",
    "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "bigcup": "cup", "bigcap": "cap", "cr": "\\",
    "bm": "text", "bf": "text", "mathsf": "text", "mathtt": "text", "textsc": "text", "ensuremath": "text",
    "emph": "text", "textup": "text", "underline": "text",
}  # fmt: skip
# names of the commands in SIZES and STYLED, by which most texts are spared a search
SIZE_NAMES = """
left right middle big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr displaystyle textstyle scriptstyle
limits tiny small normalsize large Large LARGE huge Huge
"""
STYLE_NAMES = "ensuremath mathsf mathtt boldsymbol bm bf it mathbf mathit textbf textit bold emph underline rm sf tt em"
SIZE_NAMES, STYLE_NAMES = set(SIZE_NAMES.split()), set(STYLE_NAMES.split())
PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
ROW_SPACING = re.compile(r"(?<=\\\\)\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\]")
_UNIT = r"\\text\s*\{[^{}]*\}(?:\^\{?-?\d\}?)?"
_UNITS = rf"{_UNIT}(?:\s*(?:\\cdot|\*)?\s*{_UNIT})*"
FRACTION_OF_UNITS = re.compile(rf"\\frac\s*\{{\s*({_UNITS})\s*\}}\s*\{{\s*({_UNIT})\s*\}}")
RAISED_UNIT = re.compile(r"(\\text\s*\{[^{}]*\^)\{(-?\d+)\}")  # `\text{m s^{-1}}`: no braces inside text
NOON = re.compile(r"(?<![a-zA-Z])([ap])\.\s?m(?![a-zA-Z])\.?", re.IGNORECASE)
# `4! = 24`; and the residue in `x \\equiv 2 \\mod 5`
FACTORIAL = re.compile(r"(?<=\d)!=(?=\s*\d)")
MODULUS = re.compile(r"\(?\s*(?:\\[pb]?mod|\\text\s*\{\s*mod\s*\}|\bmod)(?![a-z])\s*\{?\s*(\w+)\s*\}?\s*\)?")
NOT_EQUAL = re.compile(r"\\not\s*=")
DEGREE = re.compile(r"\^\s*\{\s*\\degree\s*\}|\^?\s*\\degree(?![a-zA-Z])")
# bold or slanted type around a formula, which is no text
STYLED = re.compile(
    r"\\(?:(?:bf|it|rm|sf|tt|em)(?![a-zA-Z])(?!\s*\{)|(?:ensuremath|mathsf|mathtt|boldsymbol|bm|(?:math|text)?(?:bf|it)|bold|emph|underline)\s*(?=\{[^{}\\^+=]*[\\{^+=]))"
)
BOLD_GREEK = re.compile(
    r"\\(?:boldsymbol|bm|mathbf|bold)\s*\{?\s*(\\(?!pi\b|infty)[a-z]+)\s*\}?(?=\s*(?:\\times|\W*$))"
)
ALPHABETS = re.compile("[\U0001d400-\U0001d7ff]")  # of mathematical letters and digits
PUNCTUATION = re.compile(r"\\text\s*\{\s*(?:([.,;:])\s*)?\}")
POWER = re.compile(r"(?<=[\w)\]}])\s*\*\*\s*(?=[\w({-])")  # as in Python
COLOUR = re.compile(r"\\(?:text)?color\s*\{(?!\s*white\s*\})[^{}]*\}")
STARRED = re.compile(r"\*\*([^*]+)\*\*")  # Markdown's bold
MATH_ENDS = re.compile(r"\$|\\\(|\\\)|\\\[|\\\]")
GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:\s?\{\s*\\?,\s*\}|,\s*\\!\s*|\\[,;:! ]|~| |\\thinspace\s)\d{3})+(?!\d)")
COMMAS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d)")
MAGNITUDES = {
    "dozen": "12",
    "hundred": "10^{2}",
    "thousand": "10^{3}",
    "million": "10^{6}",
    "billion": "10^{9}",
    "trillion": "10^{12}",
}
MAGNITUDE = re.compile(
    r"(?<=\d)\s*(?:\\text\s?\{{\s*({0})\s*\}}|({0})(?![a-zA-Z]))(?!\s*(?:and\s+)?\d)".format("|".join(MAGNITUDES))
)
# `\text{minus }13`, `12\text{ pi}`; `\text{"13"}`
SPOKEN = re.compile(r"\\text\s*\{\s*(pi|(?:minus|negative)(?=\s*\}\s*(?:[\d(.]|\\(?:d?frac|sqrt|pi))))\s*\}")
QUOTED = re.compile(r"""\\text\s*\{\s*(?:["“”]|\*\*)([^{}"“”*]*)(?:["“”]|\*\*)\s*\}""")
BRACKETS = re.compile(r"[(\[]|\\\{")
ROOT_BARE = re.compile(r"\\sqrt\s*(\d+)")
WRAPPER = re.compile(r"\\text\s*\{([^{}]*)\}")
SCRIPT = re.compile(r"([_^])\{(\w)\}")
LOOSE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
FRAC_BARE = re.compile(r"\\frac\s*(?:(\d)\s*(\d)|(\d)\s*\{|(\{[^{}]*\})\s*(\d))")


def _plain_letter(match: re.Match) -> str:
    letter = unicodedata.normalize("NFKC", match[0])
    return rf"\mathbf{{{letter}}}" if letter.isalpha() and "BOLD" in unicodedata.name(match[0]) else letter


def _synonym(match: re.Match) -> str:
    name = SYNONYMS.get(match.group(1), match.group(1))
    return name if name in "<>[]" else "\\" + name


def _magnitude(match: re.Match) -> str:
    return f" \\cdot {MAGNITUDES[match.group(1) or match.group(2)]}"


def _spoken(match: re.Match) -> str:
    return r"\pi " if match[1] == "pi" else "-"


def _digits(match: re.Match) -> str:
    return re.sub(r"\D", "", match.group())


def latex(text: str) -> str:
    """Return the canonical LaTeX spelling that the parsers read."""
    if PLAIN_NUMBER.fullmatch(text):
        return text
    if not text.isascii():
        text = ALPHABETS.sub(_plain_letter, text)
        # a run of them is one exponent: 10²³ is 10^{23}, not 10^2^3
        text = RAISED.sub(lambda m: f"^{{{m.group().translate(LEVEL)}}}", text.translate(UNICODE))
        text = LOWERED.sub(lambda m: f"_{{{m.group().translate(LEVEL)}}}", text)
    if "x" in text and "10" in text:
        text = TIMES.sub(r"\\times ", text)
    if "\x0c" in text:  # `\frac` that went through a reader of escapes
        text = text.replace("\\\x0c", "\x0c").replace("\x0c", "\\f")
    text = cleared(text)
    commands = "\\" in text
    if commands:
        if "\\\\" in text:
            text = ROW_SPACING.sub("", DOUBLED.sub(lambda _: "\\", text))
        text = text.replace("\\$", "").replace("\\%", "%")
    if "**" in text and (starred := STARRED.fullmatch(text.strip())):
        text = starred[1]
    if "$" in text or commands:
        text = MATH_ENDS.sub(" ", text)
    if "**" in text:
        text = POWER.sub("^", text)
    if commands or any(separator in text for separator in " ,~{"):
        text = GROUPED.sub(_digits, text)
    if commands:
        text = _commands(text.replace("{,}", ",").replace("\\!", ""))
    text = text.replace("~", " ").replace("{:}", ":")
    if "," in text and not BRACKETS.search(text):  # inside brackets a comma separates: (100,200) is a point
        text = COMMAS.sub(_digits, text)
    if "!=" in text:
        text = FACTORIAL.sub("! =", text)
    if "\\equiv" in text:
        text = MODULUS.sub(r"\\pmod{\1}", text)
    if "." in text:
        text = NOON.sub(r"\1m", text)
    if any(name in text for name in ("illion", "thousand", "hundred", "dozen")):
        text = MAGNITUDE.sub(_magnitude, text)
    return " ".join(text.split()).rstrip(".,;: ")


def _commands(text: str) -> str:
    names = set(COMMAND.findall(text))
    if names & SIZE_NAMES:
        text = SIZES.sub("", text)
    if "color" in text:
        text = COLOUR.sub("", text)
        names = set(COMMAND.findall(text))
    if "\\not" in text:
        text = NOT_EQUAL.sub(r"\\ne ", text)
    if "\\degree" in text:
        text = DEGREE.sub(r"^\\circ ", text)
    if "times" in names:
        text = BOLD_GREEK.sub(r"\\vec{\1}", text)
    if names & STYLE_NAMES:
        text = STYLED.sub("", text)
    text = SPACES.sub(" ", EQUATIONS.sub(", ", text) if "=" in text else text)
    if not names.isdisjoint(SYNONYMS):
        text = COMMAND.sub(_synonym, text)
    if "\\text" in text:
        text = SPOKEN.sub(_spoken, QUOTED.sub(r"\\text{\1}", text))
        text = FRACTION_OF_UNITS.sub(r"\1/\2", PUNCTUATION.sub(r"\1", text.replace("\\text {", "\\text{")))
        while RAISED_UNIT.search(text):
            text = RAISED_UNIT.sub(r"\1\2", text)
    return text


def _braced_frac(match: re.Match) -> str:
    a, b, c, d, e = match.groups()
    if a:
        return f"\\frac{{{a}}}{{{b}}}"
    return f"\\frac{{{c}}}{{" if c else f"\\frac{d}{{{e}}}"


def key(text: str) -> str:
    """Return the canonical spelling for exact comparison: no spaces, explicit braces, text without its wrapper."""
    if "\\" in text:
        text = FRAC_BARE.sub(_braced_frac, text) if "\\frac" in text else text
        text = ROOT_BARE.sub(r"\\sqrt{\1}", text) if "\\sqrt" in text else text
        text = WRAPPER.sub(r"\1", text) if "\\text" in text else text
    text = SCRIPT.sub(r"\1\2", text) if "{" in text else text
    return LOOSE.sub("", text) if " " in text else text
