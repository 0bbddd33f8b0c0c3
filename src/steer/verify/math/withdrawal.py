r"""What follows an answer may take it back: `No, 6`, `This is wrong`, `6 works, too`. One rule for boxes and for words.

A sentence that denies something else (`6 does not work`) or only goes on (`However, the proof is long`) takes nothing
back.
"""

import re

from steer.verify.math.numbers import roughly
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
    r"(?:an?\s+solution\b|(?:the\s+)?(?:\w+\s+)?(?:answer|correct|right|true"
    r"|(?:valid|possible)(?!\s+(?:to|for|in|if|when|unless)\b)|it|what)\b)"
)
NEGATIVE = "|".join(
    (
        rf"{BE}\s+{ABOUT}(?:an?\s+)?(?:wrong|incorrect|false|mistaken|invalid|erroneous|impossible(?!\s+to)"
        r"|too\s+(?:small|large|big|low"
        r"|high|few|many|much)(?![^.?!]*\bbut\b)|off|excluded|extraneous|rejected|discarded|ruled\s+out|what\s+(?:i"
        r"|one|you|they)(?:['’]d)?\s+(?:\w+\s+)?(?:think|thought|guess\w*|assum\w+|suppos\w+)"
        r"|one\s+(?:solution\b|of\s+(?:the|two|many|several)\s+(?:\w+\s+)?(?:solution|answer|possibilit|value"
        r"|root)\w*)|an?\s+(?:\w+\s+)?(?:lie|guess|placeholder|joke"
        r"|typo|mistake|error)|(?:the|my|our)\s+(?:naive|wrong|old|initial|previous)\s+\w+|(?:half"
        r"|twice)\s+the\s+answer"
        r"|(?:[\w-]+\s+){1,3}(?:of|than)\s+the\s+answer)\b",
        rf"{BE}\s+(?:just|only|merely)\s+an?\s+(?:\w+\s+)?example",
        rf"{BE}\s*(?:n['’]t|not|never)\s+(?:{ABOUT}{RIGHT}|the\s+only\s+(?:answer|solution|possib\w+|value|number"
        r"|one)\b)",
        rf"{BE}\s*(?:n['’]t|not)(?=\W*\Z|\s*[.,;!])",
        r"(?:can(?:not|['’]?t)|(?:does|did|will|would|could|can)\s*(?:n['’]t|not)|never)\s+(?:satisf\w+\b|(?:works?"
        r"|holds?|fits?|agrees?)\b(?!\s+(?:in|for|if|when|unless)\b)"
        r"|(?:counts?|match|matches|occurs?|happens?)(?=\W*\Z|\s*[.,;!]|\s+(?:the|our|any)\s+(?:condition|constraint"
        r"|requirement|equation|problem)))",
        r"(?:can(?:not|['’]?t)|could\s*(?:n['’]t|not))\s+(?:possibly\s+)?be\s+(?:the\s+answer|right|correct|true)\b",
        r"(?:fails|(?:contradicts|violates)\s+the|(?:leads\s+to|is)\s+a\s+contradiction)\b(?!\s+(?:for|when|if"
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
    rf"{START}(?:(?:{IT}|which|answer|result)\s*)?(?:{NEGATIVE})|[\W_]*(?:not\s+(?:the\s+)?(?:\w+\s+)?(?:answer"
    r"|correct|right|true|valid)\b"
    r"|(?:not|wrong|incorrect|false|never|mistaken|reject(?:ed)?|extraneous|invalid|joke|excluded"
    r"|discard(?:ed)?)(?=\W*\Z|\s*[.!)])"
    rf"|(?:no|wait|sorry|actually|hmm+)\b(?=[^\w$]*{RETURN})"
    r"|nope\b|oops|scratch\s+that|correction\b|or\s+(?:more|less|fewer|greater|larger|smaller|higher|lower|above"
    r"|below|so)\b(?!\s+(?:\w+ly|compactly)\b)"
    r"|or\s+(?:something|anything|not|am\s+i|thereabouts|none|nothing|no(?!\s+solutions?\s+(?:at|if|when|for"
    r"|otherwise)\b)|neither|another(?!\s+(?:\w+\s+)?(?:form|way|expression|representation)\b)|others?)\b"
    r"|not\s+(?:sure|certain)\b|i\s+guess\b"
    r"|i['’]?m\s+(?:not\s+sure|guessing|unsure)\b|(?:just\s+)?a\s+guess\b|give\s+or\s+take\b|and\s+(?:then\s+some"
    r"|change)(?=\W*\Z|\s*[.,!])|(?:but\s+)?not\s+really\b|(?:\w+\s+){0,2}(?:faux|incorrecte|falsch|incorrecta"
    r"|sbagliat\w*|errad[oa]|неверно|неправильно|espera|anzi|погоди\w*|стоп)\b|(?:нет|nein)\b)"
    r"|(?:^|.*[。，,\s])(?:不对|不對|等等|错|錯|不是(?!\s*[$\d-])|아니|잠깐|틀렸|いや|違|待って)|[\s$*,(]*[❌✗✘]|[\s$*.()\]\\}]*[?？]",
    re.IGNORECASE,
)
# anywhere
TAKEN_BACK = re.compile(
    rf"\b(?:(?:{IT})\s*(?:{NEGATIVE})|scratch\s+that|my\s+mistake|i\s+(?:was|am)\s+(?:wrong|mistaken)"
    r"|i\s+(?:have\s+)?made\s+an?\s+(?:\w+\s+)?"
    r"(?:mistake|error)|i\s+(?:forgot(?!\s+to\s+(?:mention|say|note|add))|overlooked|misread|miscalculated)"
    r"|never\s?mind(?!\s+\w)"
    r"|(?:strike|(?<!not )(?<!t )forget)\s+(?:that|this|it)(?=\W*\Z|\s*[.,;!])|oh\s+no|i\s+doubt(?:\s+(?:it|this"
    r"|that)\b|(?=\W*\Z|\s*[.,;!]))|on\s+second\s+thought|just\s+kidding|let\s+me\s+(?:re(?:do|calculate|compute"
    r"|consider|think)|correct|fix|try\s+again)\b"
    r"|(?:disregard|ignore)\s+(?:that|this|it|my|the\s+(?:above|answer|box))\b|is\s+no\s+longer)",
    re.IGNORECASE,
)
REASONED = re.compile(r"\b(?:since|because|as|if|unless|whether|otherwise|then|would)\b", re.IGNORECASE)
# another number that is offered in its place
OPENER = (
    r"(?:otherwise|else|if\s+not|so\s+(?:is|are)|no|nope|nah|but|however|instead|yet|although|though|unless"
    r"|(?<=\()or|or\s+rather|except|alternatively"
    r"|so|thus|hence|therefore|final(?:ly)?|revised|i\s+changed\s+my\s+mind|wait|sorry|actually|oops|edit|update"
    r"|correction|rather|hmm+|i\s+meant?|mais|in\s+fact|more\s+(?:precisely|exactly)|en\s+fait|aber|doch|pero|mas|но"
    r"|但是|然而|其实"
    r"|하지만|しかし|(?:the|my)\s+(?:other|second|real|right|correct|true|actual)(?:\s+(?:one|guess|answer|option|solution"
    r"|value))?"
    r"|another(?:\s+[a-z]+)?|it|this|that|should|(?:the\s+)?(?:[a-z]+\s+)?(?:answer|truth))(?![a-z])"
)
LINK = (
    r"(?:is|it['’]?s|could|may|might|should|also|be|have\s+been|perhaps|maybe|possibly|really|rather|the|answer"
    r"|real)(?![a-z])"
)
END = (
    r"\$?(?=[\s$.,;!)*]*\Z|\s+(?:is|works|would|may)\b"
    r"(?![^.?!]*(?:\bnot\b|n['’]t|wrong|incorrect|impossible|too|fail|exclu|reject)))"
)
OTHER = re.compile(
    rf"[\W_]*(?:{OPENER}[\s,:;(]*+){{1,5}}+(?:{LINK}[\s,:]*+){{0,6}}+\$?({NUMBER})(?!!\$){END}"
    rf"|[\W_]*({NUMBER})\$?\s+(?:(?:is|would\s+be|may\s+be|could\s+be)\s+(?:also\s+)?(?:the\s+)?(?:right|correct"
    r"|possible|valid|real|actual)"
    r"|works?,?\s+(?:too|as\s+well)|also\s+works?|is\s+(?:right|correct|possible),?\s+too)",
    re.IGNORECASE,
)


CORRECTED = re.compile(
    rf"\b(?:(?:correct|real|right|actual|true)\s+(?:answer|value|result|one|number)\s+(?:is|=)|re-?\w+ing,?\s+(?:i"
    r"|we)\s+(?:get|got|find))"
    rf"\s+\$?({NUMBER})(?!\w)",
    re.IGNORECASE,
)
OF_ANOTHER = re.compile(rf"\b(?:{ANOTHER})\b", re.IGNORECASE)
LETTER, ITEM = re.compile(r"\(?[A-J]\)?"), re.compile(r"\s*\n\s*\d{1,2}\.[ \t]+\S")  # a list below the answer


def _another(said: str, following: str) -> bool:
    """Check whether what follows an answer is nothing but another number or letter."""
    if LETTER.fullmatch(said):
        return following != said and LETTER.fullmatch(following) is not None
    return re.fullmatch(NUMBER, following) is not None and not roughly(said, following)


def withdrawn(said: str, after: str) -> bool:
    """Check whether the text after the answer `said` takes it back, or offers another number."""
    said = said.strip(" .$*")
    parts = sentences(after[:LENGTH])
    if parts and not ITEM.match(after) and _another(said, parts[0].strip(" .\n\t$*")):
        return True
    for part in parts[: SENTENCES if len(after) < LENGTH or len(parts) < 2 else min(SENTENCES, len(parts) - 1)]:
        if DENIED.match(part):
            return True
        back = TAKEN_BACK.search(part)
        if back and not REASONED.search(part, 0, back.start()) and not _about_another(said, part[: back.start()]):
            return True
        other = OTHER.match(part) or CORRECTED.search(part)
        number = other and next(filter(None, other.groups()))
        if number and not roughly(said, number) and (number[-1] != "%" or said[-1:] == "%"):
            return True
    return False


def _about_another(said: str, text: str) -> bool:
    """Check whether a text has named another number or solution, which an `it` behind it then means."""
    named = re.findall(NUMBER, text)
    return bool(OF_ANOTHER.search(text) or (named and not roughly(said, named[-1])))
