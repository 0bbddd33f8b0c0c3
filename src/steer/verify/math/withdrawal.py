r"""What follows an answer may take it back: `No, 6`, `This is wrong`, `6 works, too`. One rule for boxes and for words.

A sentence that denies something else (`6 does not work`) or only goes on (`However, the proof is long`) takes nothing
back.
"""

import re

from steer.verify.math.normalise import key, latex
from steer.verify.math.numbers import number, roughly
from steer.verify.math.phrases import NUMBER_WORDS
from steer.verify.math.sentences import sentences

SENTENCES, LENGTH = 4, 240  # of what is looked at behind an answer
NUMBER = r"[-+]?(?:\d[\d,]*\d|\d)(?:\.\d+)?(?:/\d+)?%?"
# an adjective of a solution that is not the one stated
ANOTHER = (
    "other|second|third|first|last|former|latter|negative|positive|trivial|larger|smaller|greater|largest|smallest|complex"
    "|imaginary|zero|extra|extraneous|remaining|alternative|spurious"
)
IT = (
    rf"(?:this|that|it|(?:the|this|that|my)\s+(?:(?!(?:{ANOTHER})\b)\w+\s+)?(?:answer|result|value|solution|number"
    r"|one|above)"
    r"|the\s+above)"
)
BE = r"(?:is|['’]s|ai|was|looks|seems|appears|(?:must|would|might|may|could|should|can|has\s+to)\s+be)"
ABOUT = r"(?:(?:\w+ly|also|still|just|only|merely)\s+)*"
RIGHT = (
    r"(?:an?\s+solution\b|(?:(?:the|my|our)\s+)?(?:\w+\s+)?(?:answer|correct|right|true"
    r"|(?:valid|possible)(?!\s+(?:to|for|in|if|when|unless)\b)|it|what)\b)"
)
NEGATIVE = "|".join(
    (
        rf"{BE}\s+{ABOUT}(?:an?\s+)?(?:wrong|incorrect|false|mistaken|invalid|erroneous|absurd|nonsense|impossible(?!\s+to)"
        r"|too\s+(?:small|large|big|low"
        r"|high|few|many|much)(?![^.?!]*\bbut\b)|off|excluded|extraneous|rejected|discarded|ruled\s+out|what\s+(?:i"
        r"|one|you|they)(?:['’]d)?\s+(?:\w+\s+)?(?:think|thought|guess\w*|assum\w+|suppos\w+)|what\s+(?:i|one|you|we)\s+(?:would|might|could)\s+(?:get|have|obtain|find)"
        r"|(?:close|near)\s+to\s+the|an?\s+(?:\w+\s+)?(?:lower|upper)\s+bound|(?:only|just|merely)\s+(?:a|the)\s+(?:\w+\s+)?(?:part|half|start"
        r"|bound|estimate|approximation)|(?:half|twice|double)\s+(?:of\s+)?(?:it|that|what)|(?:my|the|our)\s+first\s+(?:try|attempt|guess|idea)"
        r"|(?:the\s+)?answer\s+to\s+(?:another|a\s+different|the\s+wrong)"
        r"|one\s+(?:solution\b|of\s+(?:the|two|many|several)\s+(?:\w+\s+)?(?:solution|answer|possibilit|value"
        r"|root)\w*)|an?\s+(?:\w+\s+)?(?:lie|guess|placeholder|joke"
        r"|typo|mistake|error)|(?:the|my|our)\s+(?:naive|wrong|old|initial|previous)\s+\w+|(?:half"
        r"|twice)\s+the\s+answer"
        r"|(?:[\w-]+\s+){1,3}(?:of|than)\s+the\s+answer)\b",
        rf"{BE}\s+(?:just|only|merely)\s+an?\s+(?:\w+\s+)?example",
        r"would\s+(?:only\s+)?be\s+(?:correct|right|true|valid|the\s+answer)\s+(?:if|only)\b",
        rf"{BE}\s*(?:n['’]t|not|never)\s+(?:{ABOUT}{RIGHT}|the\s+only\s+(?:answer|solution|possib\w+|value|number"
        r"|one)\b)",
        rf"{BE}\s*(?:n['’]t|not)(?=\W*\Z|\s*[.,;!])",
        r"(?:can(?:not|['’]?t)|(?:does|did|will|would|could|can)\s*(?:n['’]t|not)|never)\s+(?:satisf\w+\b|(?:works?"
        r"|holds?|fits?|agrees?)\b(?!\s+(?:in|for|if|when|unless)\b)"
        r"|(?:counts?|match|matches|occurs?|happens?)(?=\W*\Z|\s*[.,;!]|\s+(?:the|our|any)\s+(?:condition|constraint"
        r"|requirement|equation|problem)))",
        r"(?:can(?:not|['’]?t)|could\s*(?:n['’]t|not))\s+(?:possibly\s+)?be\s+(?:the\s+answer|right|correct|true)\b",
        r"(?:fails|(?:contradicts|violates)\s+(?:the|our|what|equation|\()|(?:leads\s+to|is)\s+a\s+contradiction)\b(?!\s+(?:for|when|if"
        r"|unless|otherwise))",
    )
)
START = (
    r"[\W_]*(?:(?:and|but|so|however|though|actually|wait|no|hmm+|sorry|oh|well"
    r"|i\s+(?:now\s+)?(?:think|believe|see))\b[\s,]*(?:that\s+)?)*"
)
RETURN = (  # to what was said
    r"(?:\d|\Z|(?:wait|i|no|not|let(?!\s+me\s+(?:make|verify|check|double|recheck|confirm|see)\b)|there"
    r"|the\s+(?:\w+\s+)?(?:answer|result))\b)"
)
# at the start of a sentence
DENIED = re.compile(
    rf"{START}(?:(?:{IT}|which|answer|result)\s*)?(?:{NEGATIVE})"
    r"|[\W_]*(?:but|yet|and)\s+(?:s?he|they)\s+(?:is|are|was|were)\s+(?:wrong|mistaken|incorrect)\b(?!\s+(?:about|on))|[\W_]*(?:not\s+(?:the\s+)?(?:\w+\s+)?(?:answer"
    r"|correct|right|true|valid)\b"
    r"|(?:not|wrong|incorrect|false|never|mistaken|reject(?:ed)?|extraneous|invalid|joke|excluded"
    r"|discard(?:ed)?)(?=\W*\Z|\s*[.,!)])"
    r"|by\s+(?:which|this|that)\s+(?:i|we)\s+mean\b|if\s+i\s*(?:['’]m|am|may|have\s+to|had\s+to|must)\b"
    rf"|(?:(?:but|well|oh|so)\b[\s,]*)?(?:no|wait|sorry|actually|hmm+)\b(?=[^\w$]*{RETURN})"
    r"|(?:or\s+)?(?:maybe|perhaps)\s+not\b|nope\b|[(\[]\s*(?:maybe|perhaps|possibly|probably|guess(?:ed|ing)?|unsure|uncertain|tentative(?:ly)?)\W*[)\]]"
    r"|too\s+(?:small|large|big|low|high)(?=\W*\Z|\s*[.,!])|oops|scratch\s+that|correction\b|or\s+(?:more|less|fewer|greater|larger|smaller|higher|lower|above"
    r"|below|so)\b(?!\s+(?:\w+ly|compactly)\b)"
    r"|or\s+(?:something|anything|not|am\s+i|thereabouts|none|nothing|no(?!\s+solutions?\s+(?:at|if|when|for"
    r"|otherwise)\b)|neither|another(?!\s+(?:\w+\s+)?(?:form|way|expression|representation)\b)|others?)\b"
    r"|not\s+(?:sure|certain)\b|i\s+guess\b|said\s+no\s?(?:one|body)\b|which\s+(?:i|we)\s+(?:corrected|changed|fixed)\b|sic\b|a\s+contradiction(?=\W*\Z)|if\s+(?:we|you|one|i)\s+(?:forgets?|miss|misses)\b"
    r"|i['’]?m\s+(?:not\s+sure|guessing|unsure)\b|(?:just\s+)?a\s+guess\b|give\s+or\s+take\b|plus\s+or\s+minus\b|with(?:in)?\s+an?\s+error\b|\W*(?:up\s+to|modulo)\s+(?:(?:an?|the|its)\s+)?(?:sign|factor|constant|multiple)\b"
    r"|sign\s+(?:reversed|flipped|changed)\b|and\s+(?:then\s+some"
    r"|change)(?=\W*\Z|\s*[.,!])|(?:but\s+)?not\s+really\b|(?:\w+\s+){0,2}(?:faux|incorrecte|falsch|incorrecta"
    r"|sbagliat\w*|errad[oa]|неверно|неправильно|espera|anzi|погоди\w*|стоп)\b|(?:нет|nein)\b)"
    r"|(?=(?s:.*)[^\x00-\x7f])(?:^|.*[。，,\s])(?:不对|不對|等等|错|錯|不是(?!\s*[$\d-])|아니|잠깐|틀렸|いや|違|待って)|[\s$*,(]*(?:[❌✗✘👎🚫⛔]|!=|≠|\\neq?(?![a-z])(?!\s*-?\d))|[\s$*.()\]\\}]*[?？]",
    re.IGNORECASE,
)
# anywhere
TAKEN_BACK = re.compile(
    rf"\b(?:(?:{IT})\s*(?:{NEGATIVE})|scratch\s+that|my\s+mistake|i\s+(?:lied|retract|withdraw)\b|take\s+(?:this|that|it)\s+back\b|i\s+(?:was|am)\s+(?:wrong|mistaken)"
    r"|i\s+(?:have|know)\s+no\s+answer|i\s+(?:do\s+not|don['’]t)\s+(?:know|have)\s+(?:the|an?|any)\s+(?:\w+\s+)?answer(?=\W*\Z|\s*[.,;!])"
    r"|i\s+(?:have\s+)?made\s+an?\s+(?:\w+\s+)?"
    r"(?:mistake|error)|i\s+(?:forgot(?!\s+to\s+(?:mention|say|note|add))|overlooked|misread|miscalculated)"
    r"|never\s?mind(?!\s+\w)|(?:not|n['’]t)\s+(?:believe|trust)\s+(?:this|it|that|me)\b(?!\s+\w)|made\s+(?:this|it|that)\s+up\b(?!\s+for)"
    r"|i\s+am\s+not\s+(?:sure|certain|convinced)(?=\W*\Z)|they\s+err\b|the\s+\w+\s+errs\b|(?:unfortunately|alas),?\s+(?:this|that|it)\s"
    r"|(?:strike|(?<!not )(?<!t )forget)\s+(?:that|this|it)(?=\W*\Z|\s*[.,;!])|oh\s+no|i\s+doubt(?:\s+(?:it|this"
    r"|that)\b|(?=\W*\Z|\s*[.,;!]))|on\s+second\s+thought|just\s+kidding|let\s+me\s+(?:re(?:do|calculate|compute"
    r"|consider|think)|correct|fix|try\s+again)\b"
    r"|(?:disregard|ignore)\s+(?:that|this|it|my|the\s+(?:above|answer|box))\b|is\s+no\s+longer)",
    re.IGNORECASE,
)
REASONED = re.compile(r"\b(?:since|because|as|if|unless|whether|otherwise|then|would)\b", re.IGNORECASE)
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
# or the sentence says of the answer, or of what was said, what it is: `The answer is 6`, `That should be 6`
LINK = r"(?:is|are|was|be|being|to|equals?|should|must|then|thus|now|therefore|really|the|in|fact|est|ist|es|это)"
PRESENTING = re.compile(
    r"(?P<make>^\W*(?:let['’]s\s+)?make\s+(?:it|that|this)\W*$)"
    r"|\b(?:answers?|ans|result|solution|verdict|conclusion|réponse|antwort|respuesta|ответ)\b[^\w]*"
    rf"(?:{LINK}\b[^\w]*)*$|(?:答案|答案是|정답은|正解は)\s*$"
    r"|(?:^|\b(?:it|this|that))\W*should\s+(?:have\s+)?(?:be(?:en)?|read|say)\W*$"
    r"|\b(?:could|might|may)\s+(?:also\s+)?be\W*$|\b(?:in\s+fact\W*(?:it|that)|truth)\s+is\W*$|\b(?:go|going)\s+with\W*$"
    r"|\b(?:final|better|correct|choice|guess)\s*:\W*$|\b(?:i|we)\s+(?:mean|report)\W*$|\b(?:grader|key)\s+(?:expects?|wants?|says?)\W*$|\bchange\s+(?:it|that|this)\s+to\W*$"
    r"|^\W*(?:or\b|(?:so\s+is|however|well|if\s+not)\W*$)|\b(?:maybe|perhaps|possibly|probably|alternatively)\b",
    re.IGNORECASE,
)
CONCLUDING = {"so", "thus", "hence", "therefore"}  # `So 6.`, but not `So y = 6.`
WITNESS = {"in", "for", "as", "with", "take", "choose", "pick", "use", "let", "let's"}  # `Or take x = 2`
LEFT_SIDE = re.compile(r"\s*(?:[a-zA-Z](?:_\w)?(?:\([a-z]\))?)?\s*")
VALUE = rf"(?:{NUMBER}|\\[dt]?frac\s*(?:\{{[^{{}}]*\}}\s*\{{[^{{}}]*\}}|\d\d)|{'|'.join(NUMBER_WORDS[:13])})"
AT_END = re.compile(
    rf"^(?P<head>(?:[^\W\d_]|['’\s.,:;*#>`\"“”(…—–，、：،]|[-_](?!\d)|\$(?!\$?\\))*?)"
    rf"(?:\$*(?<![a-zA-Z])(?P<name>[a-zA-Z](?:_\w)?(?:\([a-z]\))?)\s*=\s*)?(?<![\da-zA-Z.])"
    rf"(?:\$*(?P<value>{VALUE})(?!\w|!\s*[\w$])(?P<noun>(?:\s+(?!(?:instead|too|also|rather|actually|then|now|my)\b)[a-z]{{3,}}){{0,2}})|(?P<letter>\(?\b[A-J]\)?)|\$+(?P<formula>[^$]+)\$+)"
    r"(?:[,\s$]+(?:too|also|then|now|as\s+well|it\s+is)|(?P<tail>[,\s$]+(?:instead|rather|actually|i\s+mean"
    r"|to\s+be\s+(?:exact|precise)|(?:as\s+)?(?:my|the|our)\s+(?:\w+\s+)?answer)))?[\s$.,;:!)*`\"”?。]*(?:입니다|です)?[\s.!?。]*$",
    re.IGNORECASE,
)
OPENING, OPENERS = re.compile(r"[^\w\\$]*([^\W\d_]{2,}(?:['’][^\W\d_]+)*)"), ANNOUNCING.union(NUMBER_WORDS[:13])
DIGIT, CANDIDATE = re.compile(r"\d"), re.compile(rf"[\d$]|\b(?:[A-J]\)?\W*$|(?:{'|'.join(NUMBER_WORDS[:13])})\b)")
WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
WRAPPERS = re.compile(
    r"\\(?:text\w*|math(?:rm|bf)|emph|footnote|f(?:rame)?box|colorbox\s*\{\w+\}|boldsymbol|underline)\s*\{([^{}]*)\}"
    r"|\\[\[\]()]|\[\^\w+\]:?|\\[lL]eftarrow(?![a-zA-Z])"
)
OTHER = re.compile(
    rf"[\W_]*({NUMBER})\$?\s+(?:(?:is|would\s+be|may\s+be|could\s+be)\s+(?:also\s+)?(?:the\s+)?(?:right|correct"
    r"|possible|valid|real|actual)"
    r"|works?,?\s+(?:too|as\s+well)|also\s+works?|is\s+(?:right|correct|possible),?\s+too)"
    rf"|.*?\b(?:correct|real|right|actual|true)\s+(?:(?:answer|result)\s+(?:is|=)\s+\$?({NUMBER})(?!\w)"
    rf"|(?:value|one|number)\s+(?:is|=)\s+\$?({NUMBER})\W*$)"
    # `This and 6 are right`, `Count 6 as my answer`
    rf"|(?:(?!\bnot\b|n['’]t)[^.?!])*\b(?:and|or)\s+\$?({NUMBER})\$?\s+(?:are\s+(?:both\s+)?(?:right|correct|valid|possible|fine)|both\s+work)\b"
    # `So is 6`, `6 is my answer`, `However, 6 is possible`
    rf"|[\W_]*(?P<lead>(?:[a-z]+\W+){{0,3}}?)(?:so\s+(?:is|are|was)\s+\$?)?({NUMBER})[\s$]+(?:(?:is|(?:would|may|could)\s+(?:also\s+)?be)"
    r"\s+(?:right|correct|possible|(?:my|the|our)\s+(?:\w+\s+)?answer|just\s+as|equally|fine|ok|okay|better|good)|works|(?:would|may)\s+(?:also\s+)?(?:work|do))\b"
    r"(?![^.?!]*(?:\bnot\b|n['’]t|wrong|incorrect|impossible|too|fail|exclu|reject))",
    re.IGNORECASE | re.DOTALL,
)
# the answer is computed from it: `Now add 1`, `then double it`, `Then we add 1 to get 6`
NUMERAL = rf"(?:\$?{NUMBER}\$?|(?:{'|'.join(NUMBER_WORDS[1:13])})\b)"
OPERATED = re.compile(
    r"[\W_]*(?:(?:and|then|now|just|finally|next|but|we|i|you|to\s+(?:which|this|that)|must|should|still|have\s+to|need\s+to"
    r"|let\s+us)\b[\s,]*)*"
    rf"(?:(?:add(?:ing)?|plus|minus|subtract(?:ing)?|take\s+away|times|less)\s+{NUMERAL}|(?:multipl|divid|increas|decreas|reduc|rais)(?:y|ed?|ied|y?ing)\s+"
    rf"(?:(?:it|this|that)\s+)?by\s+{NUMERAL}|(?:doubl|tripl|halv|squar|negat|invert|cub)(?:e|ing)?\s+(?:it|this|that)\b"
    r"|(?:but\s+|with\s+(?:an?\s+|the\s+)?)?(?:negative|minus|opposite)(?:\s+sign)?)"
    r"(?:\s+(?:to|from)(?:\s+(?:it|this|that))?|\s+to\s+get\s+the\s+(?:final\s+)?answer)?"
    r"(?:,?\s*(?:(?:and|so|then|now|finally|it|this|that|to)\s+)*(?:(?:we|you|i|one)\s+)?(?:gets?|getting|gives?|giving|obtain\w*|yield\w*|have|makes?|reach)"
    rf"\s+(?:the\s+(?:\w+\s+)?(?:answer|result|value)(?:\s+of)?\s+)?(?P<result>{NUMERAL}))?\W*$",
    re.IGNORECASE,
)
# one value in one case, another in the next: `if even, 6 if odd`
CASES = re.compile(
    rf"[^.?!\d]*\b(?:if|for|when)\b[^.?!]*?(?:[,;]|\band)\s+\$?({NUMBER})\$?\s+(?:if|for|when|otherwise|else)\b"
    rf"|[^.?!]*\b(?:else|otherwise|in\s+the\s+(?:second|other)\s+case)\b[\s,:$]*({NUMBER})\W*$"
    rf"|\s*(?:and|but)\s+(?:at\s+(?:most|least)|(?:less|more|fewer|greater)\s+than)\s+\$?({NUMBER})\W*$",
    re.IGNORECASE,
)
OF_ANOTHER = re.compile(rf"\b(?:{ANOTHER})\b", re.IGNORECASE)
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
