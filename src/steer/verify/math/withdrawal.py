r"""What follows an answer may take it back: `No, 6`, `This is wrong`, `6 works, too`. One rule for boxes and for words.

A sentence that denies something else (`6 does not work`) or only goes on (`However, the proof is long`) takes nothing
back.
"""

import re

from steer.verify.math.normalise import key, latex
from steer.verify.math.numbers import number, roughly
from steer.verify.math.phrases import COMMON, NUMBER_WORDS
from steer.verify.math.phrases.tables import compiled, table
from steer.verify.math.sentences import sentences

SENTENCES, LENGTH = 4, 240  # of what is looked at behind an answer
FAR = 4000  # characters at the end of a text in which an answer may be named and denied
NUMBER = r"[-+]?(?:\d[\d,]*\d|\d)(?:\.\d+)?(?:/\d+)?%?"
VALUE = rf"(?:{NUMBER}|\\[dt]?frac\s*(?:\{{[^{{}}]*\}}\s*\{{[^{{}}]*\}}|\d\d)|{'|'.join(NUMBER_WORDS[:13])})"
NUMERAL = rf"(?:\$?{NUMBER}\$?|(?:{'|'.join(NUMBER_WORDS[1:13])})\b)"
LISTS = table("withdrawal", **COMMON, NUMBER=NUMBER, VALUE=VALUE, NUMERAL=NUMERAL)
DENIED, TAKEN_BACK, VALUE_DENIED, REASONED, EXCUSED = compiled(
    LISTS, "DENIED", "TAKEN_BACK", "VALUE_DENIED", "REASONED", "EXCUSED"
)
PRESENTING, AT_END, OPERATED, CASES = compiled(LISTS, "PRESENTING", "AT_END", "OPERATED", "CASES")
(OTHER,) = compiled(LISTS, "OTHER", flags=re.IGNORECASE | re.DOTALL)
OF_ANOTHER = re.compile(rf"\b(?:{LISTS['ANOTHER']})\b", re.IGNORECASE)
# a sentence of these words that ends in another value offers it in place of the answer: `So we report 6`, `Make that 6`
ANNOUNCING = """
after please consider stand a an the my our your its to for as with in
i we you one it it's it’s this that that's that’s i'd i’d we'd i'll we'll let let's us me im i'm
is are was were be been being would will should could might may shall can has have had must
get gets got give gives gave gets make makes made take takes took say says said use read report reports choose pick
select go goes going went write wrote enter put find found think believe conclude know means mean meant
want wanted intended intend expect expects expected need needed ask asked asks prefer comes come out turns works
equals equal yields change changed change mind replace replaced make correct corrected fix fixed
so thus hence therefore finally final last lastly then and but or also again else otherwise if however instead
yet now though although alternatively unless except rather better actually really truly indeed well wait no nope nah
hm hmm hmmm oh oops sorry er err erm um uh possibly perhaps maybe probably just simply fact truth precisely exactly more
end second thought thoughts guess idea glance inspection rechecking recomputing recalculating redoing reconsidering
real right true actual new revised updated proper corrected desired required official alternative another
answer ans answers result value solution verdict choice option conclusion edit update revision correction erratum typo
hold on apologies grader key e recheck recompute recalculate redo reconsider
mais non c'est c’est en fait réponse est plutôt aber nein doch sondern es ist korrektur antwort eigentlich pero mas
sino sí corrección es respuesta realidad но нет это ответ исправление вернее точнее anzi
但是 然而 其实 其實 其实是 其實是 应该是 應該是 更正 不 不对 不對 是 答案是 答案 正确答案是
하지만 아니요 아니 정답은 しかし いや 正解は لا بل
"""
# of which one of these has to say that the value takes the place of the answer
REPLACING = """
correction edit erratum typo meant rather instead no nope nah wait actually oops sorry replace corrected mind
hold apologies precisely hm hmm hmmm oh er err erm um uh rechecking recomputing recalculating redoing reconsidering
nein sondern korrektur doch sino corrección plutôt non нет исправление вернее точнее anzi 其实 其實 其实是 其實是 应该是
應該是 更正 不 不对 不對 하지만 아니요 아니 しかし いや لا بل
"""
ANNOUNCING, REPLACING = (set(words.split()) for words in (ANNOUNCING, REPLACING))
CONCLUDING = {"so", "thus", "hence", "therefore"}  # `So 6.`, but not `So y = 6.`
WITNESS = {"in", "for", "as", "with", "take", "choose", "pick", "use", "let", "let's"}  # `Or take x = 2`
LEFT_SIDE = re.compile(r"\s*(?:[a-zA-Z](?:_\w)?(?:\([a-z]\))?)?\s*")
OPENING, OPENERS = re.compile(r"[^\w\\$]*([^\W\d_]{2,}(?:['’][^\W\d_]+)*)"), ANNOUNCING.union(NUMBER_WORDS[:13])
DIGIT, CANDIDATE = re.compile(r"\d"), re.compile(rf"[\d$]|\b(?:[A-J]\)?\W*$|(?:{'|'.join(NUMBER_WORDS[:13])})\b)")
WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
WRAPPERS = re.compile(
    r"\\(?:text\w*|math(?:rm|bf)|emph|footnote|f(?:rame)?box|colorbox\s*\{\w+\}|boldsymbol|underline)\s*\{([^{}]*)\}"
    r"|\\[\[\]()]|\[\^\w+\]:?|\\[lL]eftarrow(?![a-zA-Z])"
)
VALUE_ONLY = re.compile(VALUE)
BESIDE = re.compile(r"[\s$.*]*[(\[-]|\s*[*+•]\s")  # a value alone that is bracketed, negative or in a list
LETTER, ITEM = re.compile(r"\(?[A-J]\)?"), re.compile(r"\n\s*\d{1,2}\.[ \t]+\S")


def _offered(said: str, part: str) -> bool:
    """Check whether a sentence only announces a value other than `said`, in its place."""
    opening = OPENING.match(part)
    # Most sentences open with a word that announces nothing: they are spared the search.
    if (opening and opening[1].lower() not in OPENERS) or not (found := AT_END.match(part)):
        return False
    head, name, value = found["head"], found["name"], found["value"]
    words = set(WORDS.findall(head.lower().replace("if not", "if")))
    if not words <= ANNOUNCING or words >= {"otherwise", "would"} or (words == {"or"} and not {"(", "O"} & set(head)):
        return False
    if name and not words.isdisjoint(WITNESS):
        return False
    replaced = found["tail"] is not None or not words.isdisjoint(REPLACING)
    named = name is not None and re.match(rf"\s*{re.escape(name)}\s*=", said) is not None
    presented = PRESENTING.search(head)
    concluded = words <= CONCLUDING and not name and "=" not in (found["formula"] or "")
    if (words or name) and not (replaced or named or presented or concluded):
        return False
    if found["formula"] and not (value := _value(found["formula"])):
        here = key(latex(said))
        made = presented is not None and presented["make"] is not None
        return (replaced or made) and not number(here) and key(latex(found["formula"])) != here
    if found["letter"]:
        return LETTER.fullmatch(said) is not None and found["letter"].strip("()").upper() != said.strip("()")
    if (found["noun"] and not replaced) or (not words and BESIDE.match(part)):
        return False
    if value.lower() in NUMBER_WORDS:
        value = str(NUMBER_WORDS.index(value.lower()))
    return _differs(said, value)


def _differs(said: str, value: str | None) -> bool:
    """Check whether a value is another one than `said`. A rate beside a plain number may be the same."""
    return bool(value) and not roughly(said, value) and (value[-1] != "%" or said[-1:] == "%")


def _value(formula: str) -> str | None:
    """The plain value of a formula, with or without its name."""
    left, _, right = formula.rpartition("=")
    right = right.strip(" .")
    return right if LEFT_SIDE.fullmatch(left) and VALUE_ONLY.fullmatch(right) else None


def withdrawn(said: str, after: str) -> bool:
    """Check whether the text after the answer `said` takes it back, or offers another value."""
    said = said.strip(" .$*")
    cut = after[:LENGTH]
    parts = sentences(WRAPPERS.sub(r" \1 ", cut) if "\\" in cut or "[^" in cut else cut)
    whole = len(after) < LENGTH
    listed = ITEM.search(cut) is not None  # a list below the answer: `1.` is no value
    count = SENTENCES if whole or len(parts) < 2 else min(SENTENCES, len(parts) - 1)
    if parts and DIGIT.search(parts[0]) and (case := CASES.match(parts[0])) and _differs(said, _first(case)):
        return True
    first = next(filter(WORDS.search, parts), "")
    operated = OPERATED.match(first) if said[:1] != "-" else None
    if operated and (not operated["result"] or _differs(said, operated["result"].strip("$"))):
        return True
    for part in parts[:count]:
        if DENIED.match(part):
            return True
        back = TAKEN_BACK.search(part)
        if back and not REASONED.search(part, 0, back.start()) and not _about_another(said, part[: back.start()]):
            return True
        if not CANDIDATE.search(part):
            continue
        if not listed and _offered(said, part):
            return True
        other = OTHER.match(part)
        if other and set(WORDS.findall((other["lead"] or "").lower())) <= ANNOUNCING and _differs(said, _first(other)):
            return True
    return False


def disowned(said: str, after: str) -> bool:
    """Check whether any sentence behind the answer `said` names it and says that it is not the answer."""
    after = after[-FAR:]
    for found in VALUE_DENIED.finditer(after):
        named = (found["formula"] or found["number"]).rpartition("=")[2]
        before = sentences(after[: found.start()])[-1:] or [""]
        if key(latex(named)) == key(latex(said.strip(" .$*"))) and not EXCUSED.search(before[0]):
            return True
    return False


def _first(found: re.Match) -> str:
    """The value that one branch of a pattern has found."""
    return next(group for group in found.groups() if group and group[-1:] in "0123456789%")


def replaced(said: str, end: str) -> bool:
    """Check whether the end of a longer text, whose first sentence may be cut, gives another value as the answer."""
    parts = sentences(end)
    return len(parts) > 1 and _offered(said.strip(" .$*"), parts[-1])


def _about_another(said: str, text: str) -> bool:
    """Check whether a text has named another number or solution, which an `it` behind it then means."""
    named = re.findall(NUMBER, text)
    return bool(OF_ANOTHER.search(text) or (named and not roughly(said, named[-1])))
