"""The tokenizer of models trained from scratch: one token per character, and a few frequent strings as one.

Built with the `tokenizers` library and saved in its own format, so that transformers and vLLM load it unchanged.
"""

import string

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"
STRINGS = ("\\boxed{", "def f(x): ", "return ", " for v in x if ")
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}{% if add_generation_prompt %}{{ '\\n' }}{% endif %}"


def character_tokenizer() -> PreTrainedTokenizerFast:
    """Printable ASCII and the newline; anything else becomes `<unk>`."""
    symbols = [PAD, EOS, UNKNOWN, *STRINGS, "\n", *(chr(c) for c in range(32, 127))]
    tokenizer = Tokenizer(WordLevel({symbol: i for i, symbol in enumerate(symbols)}, unk_token=UNKNOWN))
    escaped = "|".join("".join(c if c in string.ascii_letters + " " else f"\\{c}" for c in s) for s in STRINGS)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(f"{escaped}|[\\s\\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNKNOWN,
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def render_prompt(tokenizer: PreTrainedTokenizerFast, question: str) -> str:
    """The text the model sees: the question as the user's turn of the model's own chat template."""
    message = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
