r"""Phrases with which a text states, hedges, denies or withdraws an answer, in the languages that models write.

The tables beside this file hold the phrases, each list with one meaning; `tables` says how to read them. `extract` and
its helpers decide what follows from a phrase.
"""

import re

from steer.verify.math.phrases.tables import compiled, table

# where a phrase can begin: at a word or in a script without spaces. Patterns of many branches are tried there alone
START = r"\b\w|[^\x00-\x7f]"

NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million
millions billion billions trillion trillions quadrillion quadrillions quintillion quintillions dozen dozens score
scores half halves third thirds fourth fourths quarter quarters fifth fifths sixth sixths seventh sevenths eighth
eighths ninth ninths tenth tenths hundredth hundredths thousandth thousandths elevenths twelfths thirteenths
fourteenths fifteenths sixteenths seventeenths eighteenths nineteenths twentieths thirtieths fortieths fiftieths
sixtieths millionths billionths k bn mn tens double twice triple thrice couple lakh crore gross grand
"""
NUMBER_WORDS = NUMBERS.split()

COMMON = table("common")
ANNOUNCING = table("announcements", **COMMON)
MARK = re.compile(rf"(?={START}|#|^\s)(?:{ANNOUNCING['ANNOUNCEMENT']})[*_\s]*", re.IGNORECASE | re.MULTILINE)
(OPENING,), (CLOSING,) = compiled(ANNOUNCING, "OPENING"), compiled(ANNOUNCING, "CLOSING", flags=0)
# a part of every announcement, by which one is found quickly
KEYS = """
answer solution result choice option statement alternative choose pick select go~with
#### a: a~: 答 結果 结果 选 정답 답 해답 解 réponse reponse
résultat antwort lösung loesung ergebnis respuesta solución solucion
resultado risposta soluzione risultato resposta
solução ответ результат відповідь одговор
antwoord oplossing resultaat odpowiedź cevap yanıt sonuç đáp trả~lời kết~quả الجواب الإجابة
الاجابة الحل उत्तर जवाब svaret jawaban opción opção alternativa opzione 正解 正确选项 正確選項
"""
KEYS = [key.replace("~", " ") for key in KEYS.split()]
ASCII_KEYS = [key for key in KEYS if key.isascii()]
# the plainest ones
PLAIN = re.compile(r"[ \t]*(?:A ?:|####|(?:Final )?Answer ?:)[ \t]*\$?([-+]?\d[\d,]*(?:\.\d+)?)\$?\.?$")
LOOKBACK, LOOKAHEAD = 60, 240  # characters around a key in which its announcement stands

SPOILING = table("spoiled", **COMMON, NUMBER_WORD="|".join(NUMBER_WORDS))
SPOILED_START = rf"{START}|[\\<>?]|n['’]"
SUPPOSED = re.compile(f"(?={START})(?:{SPOILING['SUPPOSITION']})", re.IGNORECASE)
SPOILED = re.compile(f"(?={SPOILED_START})(?:{SPOILING['SPOILED']})", re.IGNORECASE)
SPOILED_BEHIND = re.compile(f"(?=^|{SPOILED_START})(?:{SPOILING['SPOILED_BEHIND']})", re.IGNORECASE)
OTHER_SUBJECT, LOSING, CONDITIONAL, OPENED, COMPUTED = compiled(
    SPOILING, "OTHER_SUBJECT", "LOSING", "CONDITIONAL", "OPENED", "COMPUTED"
)

ASIDES = table("asides", **COMMON)
CONTRAST, ENDING = ASIDES["CONTRAST"], r"\s*+[.!]*+\s*+$"
ASIDE = re.compile(rf"(?:{CONTRAST}|(?={START})(?:{ASIDES['REASON']})){ENDING}", re.IGNORECASE | re.DOTALL)
CONTRASTED = re.compile(CONTRAST + ENDING, re.IGNORECASE)
DECEIVING, HANGING = compiled(ASIDES, "DECEIVING", "HANGING")
CLAUSE, BUT = compiled(ASIDES, "CLAUSE", "BUT", flags=0)


def bound(opening: str, announcement: str) -> bool:
    """Whether an announcement holds under a condition only (`if x = 1, the answer is`), or is about something computed
    from the answer (`half the answer is`). The sum of the solutions may well be what was asked for."""
    computed = COMPUTED.search(opening)
    whole = announcement.lower().lstrip().startswith(("answer", "result"))
    if "would" in announcement and not OPENED.fullmatch(opening):  # `Without the fee, the answer would be`
        return True
    return bool(CONDITIONAL.match(opening) or (computed and (whole or " of " not in computed.group())))
