r"""Phrases with which a text states, hedges, denies or withdraws an answer, in the languages that models write.

Each list has one meaning; `extract` and its helpers decide what follows from it.
"""

import re


def _any(*parts: str) -> str:
    return "|".join(part.strip() for part in parts)


# where a phrase can begin: at a word or in a script without spaces. Patterns of many branches are tried there alone
START = r"\b\w|[^\x00-\x7f]"


# what announces the answer; what follows is the answer
ENGLISH = (
    r"\b(?:answer|answers|solution|solutions|result|results)\b[*_\"]*"
    r"(?:\s+(?:to|of|for)\s+(?:the|this|that|our)\s+(?:\w+\s+){0,2}(?:problem|question|equation|exercise|inequality|task))?"
    r"[*_]*\s*(?:(?:is|are|equals|was|w(?:ill|ould)\s+be|must\s+be|should\s+be|has\s+to\s+be|comes\s+out\s+(?:to\s+be|as)"
    r"|turns\s+out\s+to\s+be|works\s+out\s+to(?:\s+be)?|=)(?![a-z'’])|(?=:)|(?=\s*(?:\$|\\\(|\\\[)))[*_]*\s*:?"
)
OTHERS = _any(
    r"(?:最终|正确|最后)?(?:答案|結果|结果)\s*(?:应该是|应为|应是|就是|等于|等於|是|为|為|：|:)\s*[:：]?|答\s*[:：]|(?:故|答案)选\s*[:：]?|选择?\s*[:：]",
    r"(?:최종\s*)?(?:정답|답|해답)\s*(?:은|는|이|:|：)\s*[:：]?",
    r"(?:最終的な)?(?:答え|答|解)\s*(?:は|：|:)\s*[、:：]?",
    r"\b(?:réponse|reponse)(?:\s+finale|\s+correcte)?\s*(?:est|sont|:)\s*:?|\brésultat(?:\s+final)?\s*(?:est|:)\s*:?",
    r"\b(?:richtig|korrekt)\s+(?:ist|sind)\s+(?:die\s+)?(?:Antwort|Option|Lösung)\s*:?|(?:正解|正确选项|正確選項)\s*(?:は|是|为|：|:)",
    r"\b(?:opción|opção|alternativa|opzione|option)\s+(?:correcta|correta|corretta|correcte)\s+(?:est|es|é|è|:)\s*(?:(?:a|la|letra)\s+)*:?",
    r"\b(?:Antwort|Lösung|Ergebnis|Loesung)(?:en)?\s*(?:ist|sind|lautet|lauten|beträgt|:)\s*:?",
    r"\b(?:respuesta|solución|solucion|resultado)(?:\s+final|\s+correcta)?\s*(?:es|son|:)\s*:?",
    r"\b(?:risposta|soluzione|risultato)(?:\s+finale|\s+corretta)?\s*(?:è|e'|sono|:)\s*:?",
    r"\b(?:resposta|solução|resultado)(?:\s+final|\s+correta)?\s*(?:é|são|:)\s*:?",
    r"\b(?:ответ|результат|відповідь|одговор)(?:ом)?\s*(?:равен|это|является|дорівнює|:|—|–|-(?=\s))\s*:?",
    r"\b(?:antwoord|oplossing|resultaat)\s*(?:is|zijn|:)\s*:?|\bodpowiedź\s*(?:to|jest|brzmi|:)\s*:?",
    r"\b(?:cevap|yanıt|sonuç)\s*:?\s|\b(?:đáp\s+(?:án|số)|câu\s+trả\s+lời|kết\s+quả)\s*(?:là|:)\s*:?",
    r"(?:الجواب|الإجابة|الاجابة|الحل)\s*(?:النهائي(?:ة)?\s*)?(?:هو|هي|:)\s*:?|(?:उत्तर|जवाब)\s*(?:है|:|=)?\s*:?\s",
    r"\bsvaret\s*(?:är|er|:)\s*:?|\bjawaban(?:nya)?\s*(?:adalah|ialah|:)\s*:?",
)
CHOSEN = (
    r"\b(?:my|the|our|correct|right|best)\s+(?:choice|option|statement|alternative)(?:\s+is\b|:)"
    r"|\bI\s+(?:choose|pick|select|would\s+go\s+with|go\s+with)\b"
)
MARK = re.compile(
    rf"(?={START}|#|^\s)(?:{ENGLISH}|{OTHERS}|{CHOSEN}|^\s*A\s*:|####)[*_\s]*", re.IGNORECASE | re.MULTILINE
)

# a part of every announcement, by which one is found quickly
KEYS = """
answer solution result choice option statement alternative choose pick select go~with
#### a: a~: 答 結果 结果 选 정답 답 해답 解 réponse reponse
résultat antwort lösung loesung ergebnis respuesta solución solucion
resultado risposta soluzione risultato resposta
solução ответ результат відповідь одговор
oplossing resultaat odpowiedź cevap yanıt sonuç đáp trả~lời kết~quả الجواب الإجابة
الاجابة الحل उत्तर जवाब svaret jawaban opción opção alternativa opzione 正解 正确选项 正確選項
"""
KEYS = [key.replace("~", " ") for key in KEYS.split()]
ASCII_KEYS = [key for key in KEYS if key.isascii()]
# the plainest ones
PLAIN = re.compile(r"[ \t]*(?:A ?:|####|(?:Final )?Answer ?:)[ \t]*\$?([-+]?\d[\d,]*(?:\.\d+)?)\$?\.?$")
LOOKBACK, LOOKAHEAD = 60, 240  # characters around a key in which its announcement stands
# before a conclusion: nothing but an opening
OPENING = re.compile(
    r"(?:(?:so|thus|hence|therefore|then|and|finally|consequently|accordingly|in\s+(?:conclusion|total|summary|all)"
    r"|altogether|we\s+(?:get|have|find|obtain|conclude|see|choose|select|pick|arrive\s+at)(?:\s+that)?|(?:this|that|it)\s+(?:gives|yields|makes|leaves)(?:\s+(?:us|me))?"
    r"|it\s+follows\s+that|which\s+(?:gives|yields|is|equals)|giving|(?:it|this|that)\s+is"
    r"|it['’]s|that['’]s|as\s+(?:a\s+result|desired|required)|i\.?e\.?|namely|in\s+other\s+words|(?:is|are|equals)(?=\s*[:$\\\d])|ans(?:wer)?\.?|final(?:ly)?"
    r"|therefore|none\s+other\s+than|simply|just|indeed|exactly|clearly|definitely|certainly|obviously|surely|evidently|undoubtedly|precisely|now|given\s+by|equal\s+to|(?:choose|select|pick|option|choice|antwort|opción|opção|alternativa|(?:la|die|a|letra)(?=\s+\(?[A-J]\)?\W*$))|the\s+(?:number|value|integer)"
    r"|所以|综上(?:所述)?|因此|故|一?共(?:有|是)?|总共(?:有|是)?|于是|從而|从而|则|即|따라서|그러므로|よって|したがって|ゆえに|donc|ainsi|há|hay|also|daher|somit|folglich|por\s+(?:lo\s+)?tanto|portanto"
    r"|logo|quindi|dunque|следовательно|значит|итак|dus|zatem|więc)(?![a-zà-öø-ÿ'’])|\\(?:therefore|implies|Rightarrow"
    r"|because|quad|qquad)(?![a-zA-Z])|[∴⇒→✓✔✅]|[-*•>]+(?=\s)|=+>)[\s,:，：、]*",
    re.IGNORECASE,
)
# after a complete answer: copulas that other languages put last
CLOSING = re.compile(
    r"\s(?:is|must\s+be)\s+(?:the\s+)?(?:correct|right|final)?\s*(?:answer|choice|option|one|correct|right)\s*$"
    r"|\s(?:ist|est|es|è|é)\s+(?:richtig|korrekt|correct[ea]?|corrett[ao]|corret[ao]|cert[ao])\s*$|(?:입니다|이다|이에요|예요|임|です|である|だ|になります|となります|है|हैं|dir|dır|dur|dür|olur)\s*$"
)

NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million
millions billion billions trillion trillions dozen dozens score scores half halves third thirds fourth fourths
quarter quarters fifth fifths sixth sixths seventh sevenths eighth eighths ninth ninths tenth tenths hundredth
hundredths thousandth thousandths k bn mn tens double twice triple thrice couple lakh crore gross grand
"""
NUMBER_WORDS = NUMBERS.split()

# what others got: `My friend got 5`, but not `My calculation got 5`, nor `My friend got 5 apples`
HEARSAY = (
    r"(?:my\s+(?!calc|comput|work|method|code|program|approach|solution|reason|answer|result|first)(?:\w+\s+)?\w+"
    r"|some(?:one|body)(?:\s+\w+)?|(?:some|people|others|(?:the|a)\s+(?:\w+\s+)?(?:teacher|(?:text)?book|answer\s+key))(?=\s+(?:say|claim|think|believe))|chatgpt|wikipedia|the\s+internet|online\s+(?:i|we))"
    r"\s+(?:says?|said|thinks?|thought|gets?|got|gives?|writes?|wrote|answer(?:s|ed)|found|finds?|obtain(?:s|ed)|comput(?:es|ed)|claim(?:s|ed)"
    r"|told\s+(?:me|us)|believe[sd]?)"
)
# a number near such a word is no answer: denied, doubted, conditional, asked
DENIAL = (
    r"\b(?:not|no|never|cannot|cant|isnt|neither|nor|none|nothing|nobody|hardly|wrong(?:ly)?|incorrect(?:ly)?|false(?:ly)?"
    r"|mistaken(?:ly)?|erroneous(?:ly)?|invalid|impossible|unlikely|fail|fails|failed|rul\w+\s+out"
    r"|exclud\w+|discarded|eliminated|extraneous|dismissed|except|contradict\w*|contradiction|disagree\w*|refut\w*|reject\w*|instead\s+of"
    r"|rather\s+than|other\s+than|far\s+from|by\s+mistake|(?:common|typical|usual)\s+(?:mistake|error)|anything\s+but|unlike|too\s+(?:small|large|big|low|high|few|many|little|much)|den(?:y|ies|ied))\b"
    r"|n['’]t\b|\\(?:ne|neq|not)(?![a-z])|≠"
    r"|不|没|沒|非(?!常)|错|錯|未|否|아니|않|못|틀리|틀렸|없|ない|ません|ではな|違|誤"
    r"|\b(?:n['’]est|ne|pas|non(?!-)|jamais|faux|incorrecte|nicht|kein\w*|nie|falsch|niemals|nunca|tampoco|incorrecta?"
    r"|falsa|falso|sbagliat\w*|não|nem|errad[oa]|не|нет|ни|неверн\w*|неправильн\w*|нельзя|niet|geen|değil|yanlış"
    r"|không|sai|bukan|tidak|inte|ikke)\b|(?<!\w)(?:ليس|ليست|لا|خطأ|नहीं|गलत)(?!\w)"
)
HEDGES = (  # in other languages
    r"可能|也许|也許|或许|大概|假设|假設|猜|아마|かもしれ|おそらく|たぶん"
    r"|\b(?:peut-être|suppos\w+|vielleicht|angenommen|quizás?|tal\s+vez|forse|talvez|возможно|может|наверное|вероятно"
    r"|предположим|misschien|belki|có\s+thể|mungkin)\b|ربما|शायद"
)
SUPPOSITION = (  # which spoils all that follows it in a sentence
    r"\b(?:nobody|no\s+one|(?-i:may)|might|maybe|perhaps|possibly|suppose|supposed|supposing|assum\w+|imagine|pretend|conjecture\w*"
    r"|hypothe\w+|guess(?:es|ed|ing)?|bet|depend\w*|(?<!we\s)(?<!i\s)claim(?:s|ed)?|tempting|tempted|naive(?:ly)?|at\s+first|wonder\w*|doubt\w*|whether"
    r"|suspect\w*|unsure|uncertain|unclear|allegedly|supposedly|according\s+to|say|not\s+(?:true|the\s+case|sure)|impossible|unlikely"
    r"|for\s+(?:example|instance)|e\.g)\b|(?<!\w\s)\b(?:options|choices|candidates|one\s+of)\s*:|\b(?:difficulty|confidence|rating|estimate|bound|hint|attempt)\s*:|"
    + HEDGES
)
DOUBT = (
    r"\b(?:had\s+(?:it|the|there|we)|were\s+(?:it|(?:the|our|my)\s+answer)|probably|could|would(?!\s+(?:\w+\s+)?(?:take|need|cost|require|earn|spend|pay|save|travel|weigh|last|receive|owe|run|eat|buy|sell|finish)\b)|if|unless|consider|try|trying|seems?|seemed|appears?|appeared|apparently|says|said|either|let|given|when|where"
    r"|or|likely|hope|candidates?)\b|\bset\s+\$?[a-z]\s*=|\bit['’]d\s+be\b|[?？¿]|如果|若|吗|嗎|还是|或者?|만약|혹은|또는|일까|もし|だろう|または|か。"
    r"|\b(?:si|ou|wenn|falls(?!\s+on\b)|oder|acaso|если|или|als|eğer|nếu|jika|atau)\b|(?<!\w)(?:إذا|أو|अगर)(?!\w)"
)
COMPARED = (
    r"\b(?:(?:divid|multipl)\w+\s+(?:\S+\s+)?by(?=\W*$)|(?:start|begin)(?:s|ning|ing)?\s+(?:with|from)|function\s+of|obtained\s+from|(?:need|have|remains?)\s+to\s+(?:check|consider|test|try|solve|prove|determine)|almost|nearly|somewhere|shy|short\s+of|(?:successor|predecessor|negation)\s+of|(?<!we\s)end(?:s|ing)?\s+(?:in|with)|something\s+like|one\s+of\s+(?=[$\d])|answer\s+has|at\s+least|at\s+most|no\s+(?:more|less|fewer)|(?:less|more|greater|fewer|larger|smaller|bigger|higher|lower"
    r"|better|worse|older|younger|longer|shorter|taller|later|earlier)(?:\s+\w+)?\s+than(?!\s+(?:(?-i:[A-Z])\w+|before\b|(?:his|her|their|he|she|they|on|in|last)\s))|(?<!adds\s)(?<!sums\s)up\s+to|(?<!difference\s)(?<!distance\s)between|exceed\w*"
    r"|congruent|(?:minus|plus|times)\s+\S+\s+is|bounded|bound|upwards|strictly|plus\s+or\s+minus|give\s+or\s+take|multiples?\s+of|divisible\s+by|divides"
    r"|factors?\s+of|powers?\s+of|times\s+(?:as|more|less)|part\s+of|twice|thrice|double|near|close\s+to"
    r"|(?:root|negative|inverse|square|cube|half|third|quarter|opposite|reciprocal|logarithm|factorial|percent)\s+of(?!\s+(?:side|edge)))\b"
    r"|\b(?:over|under|above|below|beyond|within|past)\s*[$(\\]*\d|\b\d+\s*(?:to|through|-{2,})\s*\d"
    r"|\\(?:le|leq|ge|geq|lt|gt|ll|gg|pm|leqslant|geqslant)(?![a-z])|<(?!<)|(?<!>)>|[≤≥±∓]"
    r"|至少|至多|最多|最少|大于|大於|小于|小於|少于|少於|多于|多於|超过|超過|不到|以上|以下|之间|이상|이하|미만|초과|보다|未満|超え"
    r"|\b(?:(?:sup[eé]rieur|inf[eé]rieur|superior|inferior|maggior|minor)e?s?\s+(?:à|a|ao|di|que)|au\s+(?:moins|plus)|moins|plus\s+(?:de|que|grand|petit)|mindestens|höchstens|weniger|mehr|größer|kleiner"
    r"|zwischen|menos|más|mayor|menor|entre|almeno|meno|più|pelo\s+menos|mais|maior|менее|более|больше|меньше|минимум"
    r"|максимум|между|чем|minstens|hoogstens|meer|minder|en\s+az|fazla|ít\s+nhất|nhiều\s+nhất|lebih|kurang)\b"
    r"|أكثر|أقل|कम|अधिक|ज्यादा"
)
SPOILED_START = rf"{START}|[\\<>?]|n['’]"
SUPPOSED = re.compile(f"(?={START})(?:{SUPPOSITION})", re.IGNORECASE)
# whose number it is, directly before it: `by equation 5`; but not `5 steps per page`, `3 minutes/question = 15`
NUMBERED = (
    r"\b(?:minus|negative|page|section|chapter|step|figure|table|(?:by|from|in|see|using)\s+equation|theorem|lemma|corollary"
    r"|proposition|exercise|example|version|part|task|method|attempt|claim|axiom|definition|remark|formula|case"
    r"|mod(?:ulo)?|question|problem)(?=[^\w=]*$)"
)
SPOILED = re.compile(f"(?={SPOILED_START})(?:{DENIAL}|{SUPPOSITION}|{DOUBT}|{COMPARED}|{NUMBERED})", re.IGNORECASE)
# behind a number: what it is not, what it is compared with, and another power, part or number
SPOILED_BEHIND = re.compile(
    f"(?=^|{SPOILED_START})(?:{DENIAL}|{COMPARED}|"
    + r"[?？]|\b(?:or|either|maybe|perhaps|possibly|probably|if|unless|oder|ou|или)\b|或|还是|또는|または"
    r"|^[\s\"'”’,$]*(?:i|s?he|they)\s+(?:said|says?|thought|replied|answered|claimed|claims?)\W*$|^(?:st|nd|rd|th|-?ish)\b|^\s*(?:above|below|beyond)\b|^\s*(?:equations|unknowns|inequalities)\b"
    + r"|\b(?:over|under)(?:count|estimat)\w*|\bestimate\b|\b(?:(?-i:may)|might|could)\s+(?:also\s+)?(?:work|be|do)\b"
    + r"|\bi\s+guess\b"
    + r"|\b(?:first|initial|original|best|wild)\s+(?:guess|thought|attempt|try|idea|estimate)\b"
    + r"|\bmistake\b|\bearlier\s+(?:answer|guess)\b"
    + r"|\b(?:different|another|other)\s+(?:question|problem)\b"
    + r"|\bto\s+(?:be\s+)?(?:consider|check|examine|test|rule[sd]?\s+out)(?:e?d)?\b"
    + r"|\bto\s+be\s+(?:halved|doubled|squared|negated|corrected|adjusted|divided|multiplied)\b"
    + rf"|^[\s$-]*(?:{'|'.join(NUMBER_WORDS)}|squared|cubed|halved|doubled|plus|minus|times|point|over"
    r"|divided|multiplied|to\s+the)\b)",
    re.IGNORECASE,
)
# a subject that is no question's: `The wrong answer is 5`
OTHER_SUBJECT = re.compile(
    r"\b(?:wrong|incorrect|false|guess\w*|suppos\w*|assum\w*|perhaps|maybe|possibly|if|unless|either|bound|first\s+attempt"
    r"|previous|initial|naive|old|other)\b",
    re.IGNORECASE,
)
# a sentence that names someone else than was asked for: `The runner-up is Ann`
LOSING = re.compile(
    r"\b(?:runners?-up|(?:second|third|last)\s+place|los(?:es?|ers?|ing|t)|eliminated|disqualified|excluded|ruled\s+out|everyone|all\s+but"
    r"|unlike|besides|other|instead)\b",
    re.IGNORECASE,
)
# before an announcement: what holds under a condition only, and what is no answer but computed from it
ADJECTIVES = (
    r"(?:is|are|were|was)\s+(?:not\s+)?"
    r"(?:even|odd|positive|negative|zero|prime|composite|true|false|divisible|real|an?\s+integer)"
)
CONDITION = rf"(?:[=<>≤≥≠]|\\(?:le|ge|ne|neq|leq|geq|in)(?![a-z])|\b{ADJECTIVES})"  # what makes words a condition
CONDITIONAL = re.compile(
    r"^\W*(?:(?:so|thus|then|and|but|now|hence|therefore)\b\W*)?(?:(?:(?:only\s+)?if|unless|when(?:ever)?|provided|in\s+case|for|falls|wenn|si|se|если)\b|如果|若|当)"
    rf"[^.?!]*?{CONDITION}",
    re.IGNORECASE,
)
OPENED = re.compile(r"\W*(?:(?:so|thus|then|hence|therefore|the|our|my|final|correct)\b\W*)*", re.IGNORECASE)
COMPUTED = re.compile(
    rf"\b{HEARSAY}\s+(?:that\s+)?(?:the\s+)?$|\b(?:his|her|their|(?<!most\s)(?:common|usual|typical|popular|standard))\s+$"
    r"|\b(?!(?:problem|question|exercise|let|it|that|here)['’])\w+['’]s\s+$|\b(?:half|twice|double|thrice|triple)(?:\s+of)?\s+(?:the|our|my|this)?\s*(?:\w+\s+)?$"
    r"|\b(?!value)\w+\s+of\s+(?:the|our|my|this)\s+(?:\w+\s+)?(?=$)",
    re.IGNORECASE,
)
# behind an answer, and no part of it: what it is not, where to read more, and why
CONTRAST = (
    r"(?:(?:,\s*|(?<=[\d$)}\]])\s+)(?:and\s+)?(?:no\s+more|not|rather\s+than|instead\s+of|as\s+opposed\s+to|et\s+non|pas|nicht"
    r"|não|не|而不是|不是)\s*[^,;?]{1,40}"
    r"|\(=[^()?]*\)|[(\[](?:we\s+(?:reject|discard|exclude|ignore)(?!\s+(?:this|that|it)\b)|not(?!\s+(?:really|quite|sure|certain|correct|right)\b)|see|cf|by|from|since|because|as|using|per|rounded|q\.?e\.?d|correct|verified|checked|final|exact(?:ly)?"
    r"|done)\b[^()\[\]?]*[)\]])"
)
REASON = (
    r"(?<![\w\\])(?:since|because|as\s+(?:we|one|you|it|they|can|shown|the|above|stated|before|can\s+be)|for\s+(?:the\s+reason|otherwise)"
    r"|due\s+to|so\s+that|(?:obtained|found|computed|calculated)?\s*(?:by|from)\s+(?!\d)|(?:(?<=[\d$)}\],]\s)|(?<=[\s=][a-z]\s))for\s+(?:all|any|every)\b(?!.*\b(?:even|odd|but|except|otherwise|unless|other|and)\b)|where|using|meaning\s+that|car|puisque|parce\s+que|weil|denn|da\s+|porque"
    r"|pues|poiché|perché|pois|так\s+как|потому|因为|왜냐하면|なぜなら)\b.*"
    r"|\bwhich\s+(?:is|are|was|can\s+be|gives|makes|means|agrees|matches|satisfies|completes|concludes|finishes|proves)\b(?:(?!\b(?:not|wrong"
    r"|incorrect|false|impossible|mistaken?|too|guess|lie|off|half|twice|double|less|more|short)\b|n['’]t)[^?\d])*|\b(?:as|and)\s+(?:required|desired|claimed|needed|wanted|requested|expected|asked|promised)"
    r"|\band\s+(?:we\s+are|we['’]re|i\s+am|i['’]m)\s+(?:done|finished)|(?<!\w)(?:i\.?e\.?|that\s+is|in\s+other\s+words|namely)[,\s][^?\d]*|(?<![\w.])(?:q\.?e\.?d\.?|done)"
)
# what stands in front of them, spaces and punctuation, is cut off afterwards: searches that begin there take a time
# that grows with the square of a text's length
CONTRAST = rf"(?=[\s,(\[]){CONTRAST}"
ASIDE = re.compile(rf"(?:{CONTRAST}|(?={START})(?:{REASON}))\s*+[.!]*+\s*+$", re.IGNORECASE | re.DOTALL)
CONTRASTED = re.compile(rf"{CONTRAST}\s*+[.!]*+\s*+$", re.IGNORECASE)
# such a reason that gives another answer, or says that this one is none; `number` must differ from it
DECEIVING = re.compile(
    r"\b(?:it|that|this|the\s+(?:\w+\s+)?(?:answer|value|result))\s+(?:is|was|should\s+be|must\s+be|would\s+be|equals)\s+"
    r"(?:(?:really|actually|in\s+fact|truly)\s+)?\$?(?P<number>-?\d[\d.,/]*)\W*$|\bi\s+mean\b|\bi\s+meant\b|\btypo\b|\bnaive\b|\bclaim(?:s|ed)?\b"
    r"|\b(?:true|real|right|correct|actual)\s+(?:\w+\s+)?(?:answer|value|result)\b|\b(?:from|to|using)\s+which\b"
    r"|\b(?:an?|the|my|our)\s+(?:wrong|incorrect|flawed|false)\b|^\W*as\s+(?:\w+\s+){1,4}(?:is|was)\s+(?:wrong|false|incorrect|not)\b",
    re.IGNORECASE,
)
CLAUSE = re.compile(
    r"[,;:，；：、]\s+|\bPr?\([^()]*\)\s*=|\bis\s+divided\s+by\s+\S+\s+(?=is|equals)|(?:less|more|fewer)\s+than\s+\S+\s+(?=is|equals)|\b(?:so|then|thus|hence|therefore|but|because|since|while)\b|[，；：、]|所以|因此|则"
)
# `not 10 but 12`: what is denied is another number
BUT = re.compile(
    r"(?=n)(?:\bnot?,?\s+it['’]s\s+)?\b(?:not|n['’]t)\s+(?:be\s+)?\$?[-\d.,/\\{}a-z]*\d[-\d.,/\\{}a-z]*?\$?\s*,?\s*(?:but(?:\s+rather)?|which\s+is|it['’]s|it\s+is)\s+"
    r"(?=[$\\\d]|$)"
)
# a text may break off after these
HANGING = re.compile(
    r"\b(?:the|a|an|of|to|and|or|but|so|is|are|be|by|with|for|from|in|on|at|as|that|which|where|then|we|it|this|if|when|have|has|had"
    r"|get|gives|into|than|also|now|plus|minus|times|subtract|add|multiply|divide|let|since|because|not|equals?)\s*$|[,:;=+*/({\[<>-]\s*$",
    re.IGNORECASE,
)


def bound(opening: str, announcement: str) -> bool:
    """Whether an announcement holds under a condition only (`if x = 1, the answer is`), or is about something computed
    from the answer (`half the answer is`). The sum of the solutions may well be what was asked for."""
    computed = COMPUTED.search(opening)
    whole = announcement.lower().lstrip().startswith(("answer", "result"))
    if "would" in announcement and not OPENED.fullmatch(opening):  # `Without the fee, the answer would be`
        return True
    return bool(CONDITIONAL.match(opening) or (computed and (whole or " of " not in computed.group())))
