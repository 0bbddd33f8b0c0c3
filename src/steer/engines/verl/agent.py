"""verl's agent loop of one turn, for every tokenizer: `rollout.agent.default_agent_loop=steer_single_turn`."""

from typing import Any

from verl.experimental.agent_loop.agent_loop import register
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

TURN_END = "<|im_end|>"


@register("steer_single_turn")
class SingleTurn(SingleTurnAgentLoop):
    """verl's single-turn loop without the join at `<|im_end|>`.

    For Qwen models verl joins turns at `<|im_end|>` and refuses a tokenizer without it, such as that of models trained
    from scratch. With one turn there is nothing to join, so verl's general path works.
    """

    def __init__(self, *args: Any, tokenizer: Any, hf_model_type: str | None = None, **kwargs: Any):
        if (hf_model_type or "").startswith("qwen") and TURN_END not in tokenizer.get_vocab():
            hf_model_type = None
        super().__init__(*args, tokenizer=tokenizer, hf_model_type=hf_model_type, **kwargs)
