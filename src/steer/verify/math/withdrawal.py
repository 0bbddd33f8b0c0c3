r"""What follows an answer may take it back: `No, 6`, `This is wrong`, `6 works, too`. One rule for boxes and for words.

A sentence that denies something else (`6 does not work`) or only goes on (`However, the proof is long`) takes nothing
back.
"""

import re

from steer.verify.math.numbers import roughly
from steer.verify.math.sentences import sentences

SENTENCES, LENGTH = 4, 240  # of what is looked at behind an answer
NUMBER = r"[-+]?(?:\d[\d,]*\d|\d)(?:\.\d+)?(?:/\d+)?%?"
IT = (
    r"(?:this|that|it|(?:the|this|that|my)\s+(?:\w+\s+)?(?:answer|result|value|solution|number|one|above|claim|statement)"
    r"|the\s+above|(?:answer|result))"
)
BE = r"(?:is|ai|was|looks|seems|appears|(?:must|would|might|may|could|should|has\s+to)\s+be)"
ABOUT = r"(?:(?:\w+ly|also|still|just|only|merely)\s+)*"
RIGHT = r"(?:an?\s+solution\b|(?:the\s+)?(?:\w+\s+)?(?:answer|correct|right|true|valid|possible(?!\s+to)|it|what)\b)"
NEGATIVE = "|".join(
    (
        rf"{BE}\s+{ABOUT}(?:wrong|incorrect|false|mistaken|invalid|erroneous|impossible(?!\s+to)|too\s+(?:small|large|big|low"
        r"|high|few|many|much)|off|excluded|extraneous|rejected|discarded|ruled\s+out|what\s+(?:i|one|you|they)|an?\s+(?:\w+\s+)?(?:lie|guess|placeholder|joke"
        r"|typo|example|mistake|error)|(?:the|my|our)\s+(?:naive|wrong|old|initial|previous)\s+\w+|one\s+(?:of|solution|possib\w+)|(?:half|twice)\s+the\s+answer"
        r"|(?:[\w-]+\s+){1,3}(?:of|than)\s+the\s+answer)\b",
        rf"{BE}\s*(?:n['’]t|not|never)\s+(?:{ABOUT}{RIGHT}|the\s+only\b)",
        r"(?:can(?:not|['’]?t)|(?:does|did|will|would|could|can)\s*(?:n['’]t|not)|never)\s+(?:satisf\w+|work|hold|fit|count|match|agree|occur|happen)s?\b",
        r"(?:can(?:not|['’]?t)|could\s*(?:n['’]t|not))\s+(?:possibly\s+)?be\s+(?:the\s+answer|right|correct|true)\b",
        r"(?:fails|contradicts|violates|(?:leads\s+to|is)\s+a\s+contradiction)\b(?!\s+(?:for|when|if|unless))",
    )
)
START = r"[\W_]*(?:(?:and|but|so|however|though|i\s+(?:now\s+)?(?:think|believe|see))\b[\s,]*(?:that\s+)?)*"
RETURN = r"(?:\d|\Z|(?:wait|it|that|this\s+is|i|no|not|let|the\s+(?:\w+\s+)?(?:answer|result))\b)"  # to what was said
# at the start of a sentence
DENIED = re.compile(
    rf"{START}(?:(?:{IT}|which)\s*)?(?:{NEGATIVE})|[\W_]*(?:not\s+(?:the\s+)?(?:\w+\s+)?(?:answer|correct|right|true|valid)\b"
    r"|(?:not|wrong|incorrect|false|never|mistaken|reject(?:ed)?|extraneous|invalid|joke|excluded|discard(?:ed)?)(?=\W*\Z|\s*[.!)])"
    rf"|(?:no|wait|sorry)\b(?=\s*(?:[^\w\s]|{RETURN}))|actually\b(?=[\s,]*(?:[^\w\s,]|{RETURN}))"
    r"|nope\b|oops|hmm|scratch\s+that|correction\b|or\s+(?:more|less|fewer|greater|larger|smaller|higher|lower|above|below|so)\b"
    r"|or\s+(?:something|anything|not|am\s+i|thereabouts|none|nothing|no|neither|another|others?)\b|not\s+(?:sure|certain)\b|i\s+guess\b"
    r"|i['’]?m\s+(?:not\s+sure|guessing|unsure)\b|(?:just\s+)?a\s+guess\b|give\s+or\s+take\b|and\s+(?:then\s+some|change)\b|(?:but\s+)?not\s+really\b|(?:\w+\s+){0,2}(?:faux|incorrecte|falsch|incorrecta"
    r"|sbagliat\w*|errad[oa]|неверно|неправильно|нет|nein|espera|anzi|погоди\w*|стоп)\b)"
    r"|(?:^|.*[。，,\s])(?:不对|不對|等等|错|錯|不是|아니|잠깐|틀렸|いや|違|待って)|[\s$*,(]*[❌✗✘]|[\s$*.()\]\\}]*[?？]",
    re.IGNORECASE,
)
# anywhere
TAKEN_BACK = re.compile(
    rf"\b(?:(?:{IT})\s*(?:{NEGATIVE})|scratch\s+that|my\s+mistake|i\s+(?:was|am)\s+(?:wrong|mistaken)|i\s+(?:have\s+)?made\s+an?\s+(?:\w+\s+)?"
    r"(?:mistake|error)|i\s+(?:forgot|overlooked|misread|miscalculated)|never\s?mind|(?:strike|forget)\s+(?:that|this|it)|oh\s+no|i\s+doubt|on\s+second\s+thought|just\s+kidding|let\s+me\s+(?:re\w+|correct|fix|try|check|double)\b"
    r"|disregard|ignore\s+(?:that|this|the\s+above)|is\s+no\s+longer)",
    re.IGNORECASE,
)
REASONED = re.compile(r"\b(?:since|because|as|if|unless|whether|otherwise|then|would)\b", re.IGNORECASE)
# another number that is offered in its place
OPENER = (
    r"(?:otherwise|else|if\s+not|so\s+(?:is|are)|no|nope|nah|but|however|instead|yet|although|though|unless|(?<=\()or|or\s+rather|except|alternatively"
    r"|so|thus|hence|therefore|final(?:ly)?|revised|i\s+changed\s+my\s+mind|wait|sorry|actually|oops|edit|update|correction|rather|hmm+|i\s+meant?|mais|in\s+fact|more\s+(?:precisely|exactly)|en\s+fait|aber|doch|pero|mas|но|但是|然而|其实"
    r"|하지만|しかし|(?:the|my)\s+(?:other|second|real|right|correct|true|actual)(?:\s+(?:one|guess|answer|option|solution|value))?"
    r"|another(?:\s+\w+)?|it|this|that|should|(?:the\s+)?(?:\w+\s+)?(?:answer|truth))(?![a-z])"
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
    rf"[\W_]*(?:{OPENER}[\s,:;(]*)+(?:{LINK}[\s,:]*)*\$?({NUMBER}){END}"
    rf"|[\W_]*({NUMBER})\$?\s+(?:(?:is|would\s+be|may\s+be|could\s+be)\s+(?:also\s+)?(?:the\s+)?(?:right|correct|possible|valid|real|actual)"
    r"|works?,?\s+(?:too|as\s+well)|also\s+works?|is\s+(?:right|correct|possible),?\s+too)",
    re.IGNORECASE,
)


CORRECTED = re.compile(
    rf"\b(?:(?:correct|real|right|actual|true)\s+(?:answer|value|result|one|number)\s+(?:is|=)|re-?\w+ing,?\s+(?:i|we)\s+(?:get|got|find))"
    rf"\s+\$?({NUMBER})(?!\w)",
    re.IGNORECASE,
)
LETTER, ITEM = re.compile(r"\(?[A-J]\)?"), re.compile(r"\s*\n\s*\d{1,2}\.[ \t]+\S")  # a list below the answer


def _another(said: str, following: str) -> bool:
    """Check whether what follows an answer is nothing but another number or letter."""
    if LETTER.fullmatch(said):
        return following != said and LETTER.fullmatch(following) is not None
    return re.fullmatch(NUMBER, following) is not None and not roughly(said, following)


def withdrawn(said: str, after: str) -> bool:
    """Check whether the text after the answer `said` takes it back, or offers another number."""
    parts = sentences(after[:LENGTH])
    if parts and not ITEM.match(after) and _another(said.strip(" .$*"), parts[0].strip(" .\n\t$*")):
        return True
    for part in parts[: SENTENCES if len(after) < LENGTH or len(parts) < 2 else min(SENTENCES, len(parts) - 1)]:
        if DENIED.match(part):
            return True
        back = TAKEN_BACK.search(part)
        if back and not REASONED.search(part, 0, back.start()):
            return True
        other = OTHER.match(part) or CORRECTED.search(part)
        if other and not roughly(said.strip(" $"), next(filter(None, other.groups()))):
            return True
    return False
