"""`steer.engines.trl`: the loss and gradient of TRL's trainer are ours to 1e-5, and for plain GRPO TRL's own."""

import copy

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from steer.configs.schema import Architecture, Training
from steer.engines.trl import STATE_FILE, MethodTrainer
from steer.errors import UserError
from steer.methods import Tokens, load_method
from steer.models.forward import Sequences
from steer.models.load import new_model, save_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer

SMALL = Architecture(hidden_size=32, layers=1, heads=2, kv_heads=2, intermediate_size=32, max_positions=64)
TRAINING = Training(steps=1, prompts=2, rollouts=4, updates=1)


def even(completion_ids, **_):
    return [1.0 if ids[0] % 2 == 0 else -1.0 for ids in completion_ids]


def made(folder, kind, *given, **changes):
    settings = {
        "max_steps": 3, "per_device_train_batch_size": 8, "num_generations": 4, "gradient_accumulation_steps": 1,
        "max_completion_length": 6, "learning_rate": 1e-2, "beta": 0.0, "report_to": [], "use_cpu": True, "bf16": False,
        "gradient_checkpointing": False, "seed": 1, "disable_tqdm": True, "save_strategy": "no", "logging_steps": 1,
        **changes,
    }  # fmt: skip
    tokenizer = character_tokenizer()
    # As a folder: TRL reads a checkpoint's card, and a reference model, from where the model came from.
    save_model(new_model(SMALL, tokenizer, seed=0), tokenizer, folder / "model")
    return kind(
        *given,
        model=str(folder / "model"),
        reward_funcs=even,
        args=GRPOConfig(output_dir=str(folder), **settings),
        train_dataset=Dataset.from_list([{"prompt": f"{n}+1=?"} for n in range(8)]),
        processing_class=tokenizer,
    )


def plain_loss(model, method, batch):
    """Our own path on TRL's batch: statistics by our forward pass, then the method."""
    prompts = [ids[mask.bool()].tolist() for ids, mask in zip(batch["prompt_ids"], batch["prompt_mask"], strict=True)]
    lengths = batch["completion_mask"].sum(1)
    texts = [ids[:n].tolist() for ids, n in zip(batch["completion_ids"], lengths.tolist(), strict=True)]
    sequences = Sequences.from_lists(prompts, texts, 0)
    current = policy_statistics(model, sequences, TRAINING, method.needs)
    width = current.logprob.shape[1]
    old = batch.get("old_per_token_logps")
    # Off-policy, groups are torn apart into updates; their advantages were known before.
    whole = method.advantages(batch["rewards"], batch["group"], lengths)
    advantage = whole if old is None else batch["advantages"]
    tokens = Tokens(
        logprob=current.logprob,
        old_logprob=current.logprob.detach() if old is None else old[:, :width],
        entropy=current.entropy,
        old_entropy=current.entropy.detach() if old is None else batch["old_entropies"][:, :width],
        advantage=advantage[:, None].expand_as(current.logprob),
        mask=sequences.mask,
        group=batch["group"],
        token=sequences.responses,
    )
    return method.loss(tokens).loss


def gradient(model):
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


# On-policy updates, and two of each batch of rollouts: the second is off-policy.
@pytest.mark.parametrize("steps_per_generation", [1, 2])
@pytest.mark.parametrize("name", ["grpo", "steer", "entropy_regularisation", "rloo", "cispo", "steer_signed"])
def test_loss_and_gradient_are_ours(tmp_path, name, steps_per_generation):
    seen = []

    class Watched(MethodTrainer):
        def _compute_loss(self, model, inputs):
            method, twin = copy.deepcopy(self.method), copy.deepcopy(model)
            loss = super()._compute_loss(model, inputs)
            method.progress = self.method.progress
            ours = plain_loss(twin, method, inputs)
            ours.backward()
            theirs = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, allow_unused=True)
            theirs = torch.cat([g.flatten() for g in theirs if g is not None])
            seen.append((loss.item(), ours.item(), (theirs - gradient(twin)).abs().max().item(), theirs.norm().item()))
            return loss

    made(tmp_path, Watched, name, steps_per_generation=steps_per_generation).train()
    assert len(seen) == 3 and max(norm for *_, norm in seen) > 1e-2
    for theirs, ours, apart, _ in seen:
        assert theirs == pytest.approx(ours, abs=1e-5)
        assert apart < 1e-5


def test_plain_grpo_is_trls_own(tmp_path):
    """With one seed TRL's trainer and ours take the same steps. TRL divides by std + 1e-4."""
    weights = []
    for kind, given in ((GRPOTrainer, ()), (MethodTrainer, (load_method("grpo", {"advantage.epsilon": 1e-4}),))):
        trainer = made(tmp_path, kind, *given, loss_type="bnpo", steps_per_generation=2)
        trainer.train()
        weights.append(torch.cat([p.detach().flatten() for p in trainer.model.parameters()]))
    assert torch.allclose(*weights, atol=1e-5)


def test_a_controller_goes_on_from_its_checkpoint(tmp_path):
    trainer = made(tmp_path, MethodTrainer, "adaptive_entropy", save_strategy="steps", save_steps=2)
    trainer.train()
    assert (tmp_path / "checkpoint-2" / STATE_FILE).is_file()
    other = made(tmp_path, MethodTrainer, "adaptive_entropy")
    other.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert trainer.method.memory["penalty"] != load_method("adaptive_entropy").memory.get("penalty", {})
    assert other.method.memory["penalty"] == pytest.approx(trainer.method.memory["penalty"])


def test_what_would_change_the_loss_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"steer_tabular needs `Tokens\.reduction`"):
        made(tmp_path, MethodTrainer, "steer_tabular")
    with pytest.raises(UserError, match="beta"):
        made(tmp_path, MethodTrainer, "grpo", beta=0.1)
    with pytest.raises(UserError, match="gradient_accumulation_steps"):
        made(tmp_path, MethodTrainer, "grpo", gradient_accumulation_steps=2)
