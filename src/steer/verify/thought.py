"""Select the part of a response that counts: before the end of its sequence and outside the model's thoughts.

Both verifiers share these rules. Answers and programs inside a thought do not count, whether it is closed or not. If
the chat template opens the thought, `opened_thought` returns the opening: prepend it to the response before verifying,
so that the response begins inside a thought.
"""

import re

# opening and closing marks of a thought, by family of models
THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
END = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|eom_id|end_of_text|end(?!\|><\|start\|>assistant)|return|EOT|user"
    r"|start_header_id)\|>"
    r"|</s>|<eos>|<end_of_turn>|<start_of_turn>|<｜end▁of▁sentence｜>|<\|end▁of▁sentence\|>"
)
STARTS = ("<|", "</s>", "<eos>", "<end_of", "<start_of", "<｜")  # of the marks, which are searched for far more slowly
LEADING = re.compile(
    rf"(?:\s*+(?:{END.pattern}|<s>|<bos>|<\|start_header_id\|>assistant<\|end_header_id\|>|assistant\n"
    r"|<\|assistant\|>)){0,100}"
)


def before_end(text: str) -> str:
    """Return the text up to the first end-of-sequence mark. Marks at the very start belong to the prompt."""
    if "<" not in text and not text.startswith("assistant"):
        return text
    text = text[LEADING.match(text).end() :]
    if not any(start in text for start in STARTS):
        return text
    match = END.search(text)
    return text[: match.start()] if match else text


def outside_thought(text: str) -> str | None:
    """Return the text after the last thought; None if a thought never closes."""
    for opening, closing in THOUGHTS:
        if opening[0] not in text:
            continue
        if closing in text:
            text = text.rpartition(closing)[2]
        if opening in text:
            return None
    return text


def opened_thought(prompt: str) -> str:
    """Return the mark that opens a thought at the end of a rendered prompt, with the space after it; else ""."""
    bare = prompt.rstrip()
    opening = next((opening for opening, _ in THOUGHTS if bare.endswith(opening)), "")
    return opening + prompt[len(bare) :] if opening else ""
