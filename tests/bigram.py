"""A table of logits as a language model, for what is exact on one."""

from types import SimpleNamespace

import torch

from steer.configs.schema import Training

VOCABULARY = 40
TRAINING = Training(steps=1, prompts=4, updates=1, max_response_tokens=6, gradient_clip=1e9, shared_prompts=False)


class Bigram(torch.nn.Module):
    """A table of logits by the token before: an independent softmax per state, as the theorems assume."""

    def __init__(self):
        super().__init__()
        self.lm_head = torch.nn.Linear(VOCABULARY, VOCABULARY, bias=False)
        torch.nn.init.normal_(self.lm_head.weight, std=1.5, generator=torch.Generator().manual_seed(0))

    def model(self, input_ids, **_):
        hidden = torch.nn.functional.one_hot(input_ids, VOCABULARY).to(self.lm_head.weight.dtype)
        return SimpleNamespace(last_hidden_state=hidden)

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.lm_head(self.model(input_ids).last_hidden_state))
