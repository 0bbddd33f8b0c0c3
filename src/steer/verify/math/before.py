r"""What stands in front of a box: it may deny or suppose the answer, or make the box an operand of a formula."""

import re
import string

from steer.verify.math.phrases import CONDITION, HEARSAY, HEDGES, START

NOT_SHOWN = (
    r"\\(?:[bx]?cancel|cancelto|sout|st|[hv]?phantom)\s*(?:\{[^{}]*\}\s*)?\{|<(?:s|del|strike|\w+\s+hidden)\b[^>]*>"
    r"|\\(?:text)?color\s*\{white\}\s*\{?"
    r"|\\(?:re)?newcommand\*?\s*\{?\\\w+\}?(?:\[\d\])?\s*\{|\\def\s*\\\w+\s*\{|\[//\]:\s*#\s*\("
    r"|display:\s*none[^>]*>|[❌✗✘👎🚫⛔]"
)
# what denies, doubts or replaces the answer, if nothing but light words stands between it and the box
GOVERNING = (
    r"not|never|cannot|neither|nor|maybe|perhaps|possibly|sometimes|probably|hopefully|presumably"
    r"|(?<!most )(?<!equally )(?<!least )likely|hardly|either\b[^.]{1,40}\bor|no\s+longer|by\s+no\s+means"
    r"|(?:might|could|may)(?=\s+be\b)|nicht|pas|no\s+es|não\s+é|non\s+è|не|exclude[sd]?|reject(?:s|ed|ing)?|rul(?:es?|ed"
    r"|ing)\s+out"
    r"|contradict(?:s|ed|ing)?|(?:excluded|rejected)\s+\w+\s+is|except(?:\s+for)?|excluding|unlikely|unlike"
    r"|as\s+opposed\s+to"
    r"|(?<!none )(?<!no )other\s+than|differ\w*\s+from|(?:far|apart|aside)\s+from|rather\s+than|instead\s+of"
    r"|wrong|incorrect|false|naive(?:ly)?|mistake|tempting|silly|foolish|absurd|one\s+(?:might|could"
    r"|may)(?!\s+(?:also\s+)?write)|(?:nobody|no\s+one)(?:\s+would)?"
    rf"|{HEARSAY}|(?:his|her|their)\s+answer(?=\s+(?:is|was)\b)"
    r"|hunch|shot\s+in\s+the\s+dark|(?:made|making)\s+(?:this|it)\s+up|no\s+circumstances|distractor|rumou?r"
    r"|tempted\s+to|(?:you|one|some)\s+(?:may|might|could)\s+(?:think|say|guess)|unsure|not\s+sure|may\s+well"
    r"|i(?:['’]d|\s+would)\s+(?:guess|bet)|random\s+(?:guess|answer)"
    r"|(?:old|previous|earlier|former)\s+(?:answer|guess|attempt)|(?:initial|original)\s+guess"
    r"|discard(?:s|ed)?|ignor(?:e|ed|ing)|dis(?:prove[sd]?|regard|miss)|eliminate[sd]?|used\s+to(?=\s+be\b)"
)
LIGHT = (
    r"this|be|been|is|are|was|it|equals?|to|of|the|an?|as|that|final|correct|answers?|value|result|solution|approach"
    r"|method|even"
    r"|would|for\s+now|simply|say|think|guess|expect|gives?|write|gets?|close|obtain|have|put|use|choose|accept|take|report|enter"
)
SCALING = (  # directly before the number
    r"minus|negative|half(?:\s+of)?|twice|double|thrice|(?<!the )(?<!only )(?<!ordered )(?<!pythagorean )triple"
    r"|(?:square|root|cube|reciprocal|opposite|negative|successor|predecessor|inverse"
    r"|logarithm|factorial)\s+of"
    r"|\d\s+(?:times|plus)|(?:one|two|\d)\s+(?:more|less)\s+than|(?:\\?%|percent)\s+of|(?:any|every)thing\s+but|all\s+but|(?:complement|negation)\s+of|near"
    r"|let(?:\s+me|['’]?s)\s+try|between\s+\S+\s+and|almost|(?:shy|short|multiple|divisor|factor)\s+of"
    r"|(?:slightly|just|barely|a\s+(?:little|bit))\s+(?:(?:more|less|greater|smaller|higher|lower)\s+than|over|under"
    r"|above|below)"
)
# of which one word spoils what is said after it: `It is doubtful that x equals`, `A wrong approach yields`
DOUBTED = (
    r"(?:(?:doubtful|dubious|untrue|false|wrong|not\s+true|impossible)\s+that|no\s+way|(?:not"
    r"|\w*n['’]t)\s+(?:believe|think|claim|say)|(?<!no )(?<!without )(?<!a )doubt)\s+(?:that\s+)?"
    r"(?:[\w'’$]+\s+){0,4}(?:is|it['’]s|equals|=|be)"
    r"|(?:wrong|incorrect|naive|careless|bogus|fake|trap|decoy|flawed|erroneous|mistaken"
    r"|(?<!ing the )extraneous)\s+(?:\w+\s+){0,2}(?:is|gives?|yields?|gets?|leads\s+to)"
    r"|(?:incorrectly|wrongly|mistakenly|erroneously|falsely|absurdly),?(?:\s+\w+){0,2}"
)
SAID = r"(?:the\s+(?:final\s+)?answer|it|this|that)(?:\s+(?:is|equals|=)|['’]s)"
REFUTED_BEFORE = re.compile(
    rf"(?=^|{START}|[\\<\[%.!?\n]|n['’]|display)(?:(?:(?:\b(?:{GOVERNING})|n['’]t|\\neq?|\\not\s*=|≠|不是|不等于|不可能是)(?:[\s$]+(?:{LIGHT})\b)*|\b(?:{SCALING})"
    r"|\\(?:notin|nexists|not\s*\\ni)(?![a-zA-Z])"
    rf"|(?:^|[.!?\n])\W*(?:(?:my\s+|wild\s+|best\s+)*guess|is\s+it|(?:could|might)\s+it\s+be)|\b(?:(?:suppos|assum|imagin"
    rf"|pretend)\w*\s+(?:for\s+\w+\s+)?(?:that\s+)?|if\s+){SAID}"
    r"|\b(?:at\s+first|initially|originally|incorrectly|naively),?\s+(?:i|we|one|you)\s+"
    r"(?:thought|said|got|wrote|guess(?:ed)?|answered|believed|found|computed|calculated|assumed|obtained)"
    r"(?:\s+it\s+(?:was|is))?"
    rf"|\b(?:{DOUBTED})|\b(?:half|twice|double|thrice|triple|than|plus|minus|times|(?!value)\w+\s+of)[^\S\n]+(?:of\s+)?"
    r"(?:the|our|my)\s+(?:final\s+)?answer(?:['’]s\s+\w+)?\s+(?:is|equals|=)|\banswer\s*(?:(?:[-+*/^]|plus|minus|times"
    r"|divided\s+by)\s*\$?(?:\d|one|two|three|ten)|,?\s*(?:squared|cubed|doubled|halved|tripled|negated))"
    r"[^.?!\n]{0,20}(?:\bis|\bequals|=)"
    r"|\bif\s+(?:it|that|this|the\s+answer)\s*(?:is|was|were)?\s*(?:not|n['’]t)\s+\$?\d+\$?,?\s+(?:then\s+)?(?:it|the\s+answer)\s+is"
    r"|\banswer(?:\s+|\s*\}\s*)(?:[<>≤≥]|\\(?:[lg]eq?|[lg]t)(?![a-z]))|\d\s*(?:\\cdot|\\times|\*)?\s*(?:\\text\s*\{)?\s*answer\s*\}?\s*="
    r"|\bexample\s+(?:answer|format|output)|\b(?:write|put|place|enter|give"
    r"|box)\s+your\s+(?:final\s+)?answer\s+(?:as|in|inside|within|like))"
    rf"[\s$*:,\\(\[}}]*|(?:\\(?:lnot|neg)|{NOT_SHOWN})[\s$*:\\(\[}}]*)$",
    re.IGNORECASE,
)
# the box is an operand: `2\boxed{5}`, `\log\boxed{5}`; a sum may still have a gap to fill, `3 + \boxed{5} = 8`
FUNCTION = r"(?:log|ln|sin|cos|tan|cot|sec|csc|exp|det|gcd|lcm)"
OPERAND_BEFORE = re.compile(
    rf"(?:\$\s*[-−]\s*\$|\d\(?|(?<![\\a-zA-Z])[a-zA-Z]\(?|\([^()$]*[-+^][^()$]*\)|[\^_]\{{[^{{}}]*|\}}\s*/\s*"
    rf"|(?<=[\w\s=$({{])/|^[-−]|(?<!\d)0\.|(?<=[\s$(=])\.|[\^_]\s*\{{?\s*|[\d)}}]\s*\*\s+"
    rf"|[=$({{]\s*[-−]\s*|\\(?:pm|mp|div|cdot|times|mid)\s*"
    rf"|[√∛π]\s*|(?:[\d)}}]|\b[a-z])\s?[×÷·⋅]\s*|\\sqrt\s*|\\[dt]?frac\s*\d\s*\{{\s*|\\{FUNCTION}(?:_\{{?\w+\}}?)?\s*[({{]?\s*"
    rf"|\\[dt]?frac\s*(?:\{{[^{{}}]*\}}\s*)?\{{\s*|\\[dt]?frac\s*\{{[^{{}}]*\}}\s*\{{[^{{}}]*\}}\s*|\\(?:sqrt(?:\[\w+\])?|binom|overline|bar|hat)\s*\{{\s*|[$=(]\s*\|\s*"
    r"|[$(]\s*\d+\s*:\s*|\\(?:boxed|fbox)\s*\{\s*[^{}=]*[^{}=\s]\s*)$"
)
SUMMAND_BEFORE = re.compile(r"(?:[\w)}]\s*\+|(?:[$=+*/^]|\bis\s|\\(?:\(|\[|cdot|times))\s*[^\s$]{1,20}\s*-)\s*$")
# `if x = 1 then`, with nothing between the condition and the box but words that announce it
SUPPOSED_BEFORE = re.compile(
    r"(?:^|[.!?。:;\n]|\b(?:so|thus|then|and|but|now|hence|only)\b)\W*(?:if(?!\s+(?:you|we|one|i)\b)|unless|in\s+case"
    r"|provided)\b[^.?!\n]*?"
    rf"{CONDITION}[^,.?!\n]*?(?:[,:]|\bthen\b)[ \t$*,]*(?:then\b[\s,:]*)?"
    r"(?:(?:the\s+(?:final\s+)?answer|it|this|that)(?:['’]s|\s+is|\s+would\s+be|\s+gives)\b|we\s+(?:get|have"
    r"|obtain)\b)?[\s$*:,\\(\[]*$",
    re.IGNORECASE,
)
# what is said of the answer is not what it is: `The answer is less than \\boxed{5}`; the answer is the subject
SAID_OF = re.compile(
    r"\banswer(?:['’]s\s+(?!value|form)(?:\w+\s+){1,3}(?:is|are)|\s+(?:precedes|follows|exceeds|divides|differs\s+from"
    r"|(?:begins|starts|ends)\s+(?:in|with)(?:\s+(?:a|the\s+digits?))?|would\s+have\s+been"
    r"|(?:is|lies|must\s+be|has\s+to\s+be)\s+(?:\w+\s+)?(?:over|under|above|below|beyond|divisible\s+by|congruent\s+to|different\s+from|next\s+to|within"
    r"|(?<!other )(?:more|less|greater|smaller|larger|bigger|higher|lower|fewer)\s+than)))[\s$\\(]*$",
    re.IGNORECASE,
)
# a value that is only assumed
ASSUMED = re.compile(
    r"(?:^|[.!?\n])\s*(?:say|assume|suppose|pretend|let\s+(?:the\s+)?(?:answer|[a-z])\s+(?:be|equal))\b[^.,;:?!\n$\d=\\]{0,30}[\s$]*$",
    re.IGNORECASE,
)
# what is counted may have failed: `The number of answers that are wrong is \\boxed{5}`
COUNTED = re.compile(
    r"\b(?:number|amount|probability|chance|fraction|percentage|share|proportion|count|sum|total)\s+(?:of|that)\b[^.?!\n]*"
    r"(?:n['’]t|\b(?:not|neither|never|wrong|incorrect|false|(?:eliminat|reject|exclud|discard|ignor|dismiss|disregard)ed"
    r"|ruled\s+out))\s+(?:is|are|was|were|equals|=)[\s$]*$",
    re.IGNORECASE,
)
# in other languages
HEDGED_BEFORE = re.compile(
    rf"(?:{HEDGES})(?:答案)?(?:是|为|就是)?(?:\s+(?:es|é|è|ist|est|is))?[\s$*:,\\(\[]*$", re.IGNORECASE
)
BEFORE_IT = REFUTED_BEFORE, SUPPOSED_BEFORE, OPERAND_BEFORE, SAID_OF, ASSUMED

# a text in front of a box that has none of these words and ends in none of these signs is spared the searches
TELLING = """
not never cannot neither nor maybe perhaps possibly hardly either no t ne neq might could may nicht pas exclude
excludes excluded reject rejects rejected rejecting rule rules ruled ruling contradict contradicts contradicted except
excluding unlikely unlike opposed other differ differs different far apart aside rather instead wrong incorrect false
naive naively mistake tempting minus negative but try between almost shy short multiple divisor factor slightly just
barely little bit notin guess suppose supposed supposes supposing assume assumed assumes assuming imagine pretend half
twice double thrice triple square root cube reciprocal opposite inverse logarithm than plus times divided example your
lnot neg if unless case provided or oder ou vee lor alternatively else log ln sin cos tan cot sec csc exp det gcd lcm
pm mp div cdot mid lt gt le ge leq geq leqslant geqslant silly foolish absurd nobody one discard discards discarded
ignore ignored ignoring disprove disproves disproved disregard dismiss eliminate eliminated used percent first
initially originally incorrectly nexists doubtful dubious untrue impossible doubt careless bogus fake trap decoy
flawed erroneous mistaken extraneous wrongly mistakenly erroneously falsely absurdly squared cubed doubled
equivalently sometimes say says claim claims think thinks thought believe believes bet random old previous
earlier former complement negation near candidates options choices possibilities vs versus would probably
hopefully presumably likely well sure unsure hunch dark up distractor circumstances rumor rumour
tempted my someone somebody chatgpt wikipedia internet online
"""
HEDGING = set(["vielleicht", "forse", "talvez", "misschien", "belki", "mungkin", "angenommen", "supposons", "quizas"])
TELLING = {*TELLING.split(), *HEDGING}
ANNOUNCED = "is", "are", "equals", "nswer"
COMPUTED = "+", "-", "*", "/", " of ", "'s", " mod", "his ", "her ", "their "
FILLING, ENDS = " \n\t\r$*:\\([{,&", "-+/~<>≤≥}'’|^_#"
WORDS_ONLY = {ord(sign): " " for sign in string.punctuation}


def refuted(before: str) -> bool:
    """Check whether what stands before a box denies or supposes the answer, or makes it an operand."""
    if any(pattern.search(before) for pattern in BEFORE_IT):
        return not COUNTED.search(before)
    words = not before.isascii() or not HEDGING.isdisjoint(before.lower().split())
    return words and HEDGED_BEFORE.search(before) is not None


def telling(before: str) -> bool:
    """Check whether what stands before a box may change its meaning."""
    bare, low = before.rstrip(FILLING), before.lower()
    return bool(before) and (
        not before.isascii()
        or bare[-1:] in ENDS
        or bare[-2:-1] in ("_", "<", ">")
        or before[-1].isalnum()
        or before[-1] == "."
        or before.rstrip(" $")[-1:] in tuple("{([*,)")
        or (bare[-1].isdigit() and before.rstrip(" ")[-1:] == ":")
        or any(words in low for words in ("s it", "% of"))
        or "\\def" in before
        or "\\boxed" in before
        or ("nswer" in low and (not bare.endswith(ANNOUNCED) or any(sign in low for sign in COMPUTED)))
        or not TELLING.isdisjoint(low.translate(WORDS_ONLY).split())
    )
