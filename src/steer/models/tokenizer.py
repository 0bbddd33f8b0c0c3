"""The tokenizer of models trained from scratch: one token per byte, and tokens for a few frequent strings.

It is a `Qwen2Tokenizer` without merges. Another class does not work: for a model of type qwen2, transformers'
AutoTokenizer (and so vLLM) always loads that class and rebuilds its splitting rules.
"""

from jinja2 import TemplateError
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AddedToken, PreTrainedTokenizerBase, Qwen2Tokenizer

from steer.configs.model import PROMPT_DATE
from steer.errors import UserError

PAD, EOS = "<pad>", "<eos>"
STRINGS = ("\\boxed{", "def f(x): ", "return ", " for v in x if ")
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n' }}{% endif %}"
)


def character_tokenizer() -> PreTrainedTokenizerBase:
    """Create the tokenizer: 256 bytes, padding, end of sequence, and `STRINGS`."""
    symbols = [PAD, EOS, *sorted(ByteLevel.alphabet())]
    tokenizer = Qwen2Tokenizer(
        vocab={symbol: i for i, symbol in enumerate(symbols)},
        merges=[],
        unk_token=None,
        pad_token=PAD,
        eos_token=EOS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.add_tokens([AddedToken(s, normalized=False, special=False) for s in STRINGS])
    return tokenizer


def render_prompt(tokenizer: PreTrainedTokenizerBase, question: str, system: str = "") -> str:
    """Render the model's input: the question as the user turn of its chat template, after an optional `system` turn.

    A template that contains today's date, as Llama 3's do, gets `PROMPT_DATE`. Raises `UserError` if the template
    fails, as one without system turns does, or renders nothing.
    """
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, strftime_now=PROMPT_DATE.strftime
        )
    except TemplateError as error:
        remedy = "take `system` out of the set" if system else "correct the template"
        raise UserError(f"the model's chat template refuses the prompt ({error}); {remedy}") from None
    if not text:
        raise UserError("the model's chat template renders the prompt as no text; correct the template")
    return text
