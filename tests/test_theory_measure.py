"""The entropy change of single updates: exact where theory says so, and from training to figures on a small model."""

import copy
import importlib
import json
from dataclasses import replace

import pandas as pd
import pytest
import torch
import yaml
from bigram import TRAINING, VOCABULARY, Bigram
from training import ragged_batch

from steer import cli
from steer.analyse.agreement import agreement
from steer.analyse.theory.measure import Measurer, rms
from steer.configs.load import load_config
from steer.configs.schema import Architecture, Reward
from steer.data.tasks import distinct_problems
from steer.io import write_jsonl
from steer.methods import estimators, load_method
from steer.models.forward import Sequences
from steer.models.load import load_model, new_model, save_model
from steer.models.tokenizer import character_tokenizer
from steer.train.loop import Trainer
from steer.train.update import Batch


@pytest.fixture
def exact():
    """(measurer, batch) in float64: four groups of two, no state visited twice, so each token's change is its own."""
    states = torch.randperm(VOCABULARY, generator=torch.Generator().manual_seed(1)).tolist()
    prompts = [[state] for state in states[:8]]
    lengths = [3, 4, 2, 4, 4, 1, 3, 3]
    rest = iter(states[8:])
    # The last token of a response is no state any more.
    responses = [[*(next(rest) for _ in range(length - 1)), 5] for length in lengths]
    model = Bigram().double()
    measurer = Measurer(model, None, load_method("grpo"), [], TRAINING, Reward(), seed=0)
    sequences = Sequences.from_lists(prompts, responses, 0)
    advantage = torch.tensor([1.0, -1.0, 0.5, -0.5, 0.0, 0.0, -2.0, 2.0], dtype=torch.float64)
    group = torch.arange(4).repeat_interleave(2)
    old = measurer.statistics(sequences)
    return measurer, Batch(sequences, old, advantage, group, torch.ones(8, dtype=torch.bool))


@pytest.mark.parametrize("rate", [1e-2, 5e-3])
def test_sgd_on_a_table_changes_entropy_as_the_tabular_estimate_says(exact, rate):
    measurer, batch = exact
    tokens, _ = measurer.tokens(batch)
    estimate = rate * estimators.tabular(tokens) / tokens.valid.sum()
    change, _ = measurer.change(batch, measurer.sgd(rate))
    error = rms(change - estimate, tokens.valid) / rms(estimate, tokens.valid)
    assert error < 0.05 * rate
    assert change[4:6][tokens.valid[4:6]].abs().max() == 0, "no advantage, no change"


def test_a_token_s_own_part_is_the_whole_where_no_state_is_shared(exact):
    measurer, batch = exact
    tokens, prepared = measurer.tokens(batch)
    chosen = tokens.valid.nonzero()
    own = measurer.own_change(batch, prepared, 0.1, chosen)
    whole = 0.1 * estimators.tabular(tokens)[tokens.valid] / tokens.valid.sum()
    torch.testing.assert_close(own.double(), whole, rtol=1e-5, atol=1e-9)


def test_gradient_norms_are_those_of_the_loss_at_the_logits(exact):
    measurer, batch = exact
    _, prepared = measurer.tokens(batch)
    norms = measurer.gradient_norms(batch, prepared)
    statistics = measurer.model.lm_head.weight
    loss = measurer.method.loss(batch.tokens(_with_gradient(measurer, batch))).loss
    table = torch.autograd.grad(loss, statistics)[0]
    states = batch.sequences.tokens.gather(1, batch.sequences._positions(-1))
    expected = table.norm(dim=0)[states]  # one column of the weight holds one state's logits
    valid = batch.sequences.mask
    torch.testing.assert_close(norms[valid].double(), expected[valid], rtol=1e-5, atol=1e-9)


def _with_gradient(measurer, batch):
    from steer.models.forward import bucketed_statistics

    return bucketed_statistics(measurer.model, batch.sequences, 1.0, 32, frozenset({"reduction"}))


@pytest.mark.parametrize("warm", [0, 3])
def test_the_model_is_left_as_it_was(exact, warm):
    measurer, batch = exact
    before = copy.deepcopy(measurer.model.state_dict())
    change, norm = measurer.change(batch, measurer.adamw(0.1, [batch] * warm))
    assert rms(change, batch.sequences.mask) > 1e-3
    assert norm > 0
    for name, value in measurer.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_warm_moments_are_those_of_updates_that_do_not_move(exact):
    measurer, batch = exact
    state = next(iter(measurer.adamw(0.1, [batch] * 3).state.values()))
    measurer.model.zero_grad()
    measurer.method.loss(batch.tokens(_with_gradient(measurer, batch))).loss.backward()
    gradient = measurer.model.lm_head.weight.grad
    assert state["step"] == 3
    torch.testing.assert_close(state["exp_avg"], (1 - 0.9**3) * gradient)
    torch.testing.assert_close(state["exp_avg_sq"], (1 - 0.999**3) * gradient**2)


def entropies(model, sequences):
    """Every response token's entropy, from the model's own logits, one sequence at a time."""
    found = []
    for tokens, start, length in zip(sequences.tokens, sequences.prompt_lengths, sequences.lengths, strict=True):
        whole = tokens[None, : start + length]
        logprobs = model(input_ids=whole).logits[0, start - 1 : -1].double().log_softmax(-1)
        found.append((logprobs.gather(1, whole[0, start:, None])[:, 0], -(logprobs.exp() * logprobs).sum(1)))
    return found


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_the_change_is_that_of_the_same_step_written_plainly(kind):
    """On a transformer in float64: policy gradient of the mean over tokens, one step of torch's own optimizer."""
    model = new_model(SMALL, character_tokenizer(), seed=0).double()
    measurer = Measurer(model, None, load_method("grpo"), [], TRAINING, Reward(), seed=0)
    batch = replace(ragged_batch(model), teacher=None, correction=None)
    batch = replace(batch, old=measurer.statistics(batch.sequences))
    stepped = copy.deepcopy(model)
    optimizer = torch.optim.SGD(stepped.parameters(), lr=0.3)
    if kind == "adamw":
        optimizer = torch.optim.AdamW(stepped.parameters(), lr=1e-3, weight_decay=TRAINING.weight_decay)
    parts = zip(entropies(stepped, batch.sequences), batch.advantage, strict=True)
    (-sum((logprob * advantage).sum() for (logprob, _), advantage in parts) / batch.sequences.mask.sum()).backward()
    optimizer.step()
    with torch.no_grad():
        before, after = (torch.cat([h for _, h in entropies(m, batch.sequences)]) for m in (model, stepped))
    found, _ = measurer.change(batch, measurer.sgd(0.3) if kind == "sgd" else measurer.adamw(1e-3, []))
    assert (after - before).abs().max() > 1e-5
    torch.testing.assert_close(found[batch.sequences.mask].double(), after - before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wanted", [1e-5, 1e-2])
def test_sgd_s_rate_is_found_for_the_change_that_is_wanted(exact, wanted):
    measurer, batch = exact
    rate = measurer.sgd_rate(batch, wanted)
    change, _ = measurer.change(batch, measurer.sgd(rate))
    assert rms(change, batch.sequences.mask) == pytest.approx(wanted, rel=0.1)


SMALL = Architecture(hidden_size=16, layers=1, heads=2, kv_heads=2, intermediate_size=16, max_positions=64)
CONFIG = {
    "name": "small",
    "data": {"benchmarks": ["sums"]},
    "training": {"steps": 2, "prompts": 4, "rollouts": 4, "updates": 2, "lr": 1e-2, "checkpoint_every": 1}
    | {"max_response_tokens": 8, "max_prompt_tokens": 32},
    "evaluation": {},
    "reward": {"kind": "random"},
    "methods": {"grpo": {}},
    "seeds": [0],
    "measurement": {"run": "grpo", "prompts": 6, "updates": ["sgd", "adamw", "adamw_warm"]}
    | {"warm": 1, "own_tokens": 40, "draws": 50, "batches": 2}
    | {
        "weightings": {
            "uniform": None,
            "steer": None,
            "micro": {"method": "steer", "set": {"weight.scope": "micro_batch"}, "training": {"micro_batch": 3}},
        }
    },
}


def train(folder, config, out):
    arguments = ["--config", str(config), "--run", "grpo", "--seed", "0", "--model", str(folder / "base")]
    return ["train", *arguments, "--data", str(folder / "data/train.jsonl"), "--out", str(out)]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A results folder with a run whose job died behind the step whose model is kept, and its measurement."""
    folder = tmp_path_factory.mktemp("measured")
    tokenizer = character_tokenizer()
    save_model(new_model(SMALL, tokenizer, seed=0), tokenizer, folder / "base")
    write_jsonl(folder / "data/train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 10)])
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    run, step = folder / "runs/grpo/seed0", Trainer._step

    def dies(self, number, *rest):
        if number == 2:
            raise KeyboardInterrupt
        return step(self, number, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_step", dies)
        assert cli.main(train(folder, folder / "config.yaml", run)) == 130
    assert not run.exists()
    assert cli.main(train(folder, folder / "config.yaml", run)) == 0
    where = ["--model", str(folder / "base"), "--run", str(run), "--data", str(folder / "data/train.jsonl")]
    out = ["--out", str(folder / "measurements/main.csv.gz")]
    assert cli.main(["measure", "--config", str(folder / "config.yaml"), *where, *out]) == 0
    place = ["--results", str(folder), "--out", str(folder / "tables")]
    assert cli.main(["tabulate", "--config", str(folder / "config.yaml"), *place]) == 0
    return folder


@pytest.mark.slow
def test_the_kept_model_is_the_one_a_shorter_run_ends_with(measured, tmp_path):
    shorter = CONFIG | {"training": CONFIG["training"] | {"steps": 1}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(shorter))
    assert cli.main(train(measured, tmp_path / "config.yaml", tmp_path / "run")) == 0
    kept = load_model(str(measured / "runs/grpo/seed0/models/step1")).state_dict()
    ended = load_model(str(tmp_path / "run/model")).state_dict()
    assert all(torch.equal(kept[name], ended[name]) for name in ended)


@pytest.mark.slow
def test_tables_hold_every_estimate_at_every_stage_and_agree_with_the_tokens(measured):
    table = pd.read_csv(measured / "tables/T1_estimators.csv")
    keys = table[["step", "update", "estimator"]].itertuples(index=False, name=None)
    updates = ("sgd", "adamw", "adamw_warm", "own")
    expected = {(s, u, e) for s in (0, 1, 2) for u in updates for e in (*estimators.NAMES, "own part")}
    assert set(keys) == {key for key in expected if key[1:] != ("own", "own part")}
    tokens = pd.read_csv(measured / "measurements/main.csv.gz")
    mine = tokens[(tokens["step"] == 1) & (tokens["advantage"] != 0)]
    found = agreement(mine["omega_tabular"], mine["change_adamw"], mine["prompt"], 50)
    assert (tokens.groupby("response")["prompt"].nunique() == 1).all()
    assert tokens.groupby("step")["prompt"].nunique().max() == CONFIG["measurement"]["prompts"]
    row = table.set_index(["step", "update", "estimator"]).loc[(1, "adamw", "tabular")]
    assert row[list(found)].tolist() == pytest.approx(list(found.values()), rel=1e-4)
    facts = json.loads((measured / "measurements/main.json").read_text())["steps"]["1"]["updates"]
    sizes = {name: about["rms_change"] for name, about in facts.items()}
    assert sizes["sgd"] == pytest.approx(sizes["adamw"] / 10, rel=0.11)
    assert sizes["adamw"] == pytest.approx((tokens[tokens["step"] == 1]["change_adamw"] ** 2).mean() ** 0.5, rel=1e-4)


@pytest.mark.slow
def test_shares_of_the_gradient_add_up(measured):
    table = pd.read_csv(measured / "tables/D4_positions.csv")
    assert table.groupby("step")["gradient"].sum().tolist() == pytest.approx([1, 1, 1], abs=1e-4)


@pytest.mark.slow
def test_every_weighting_is_beside_the_unweighted_update_at_every_stage(measured):
    table = pd.read_csv(measured / "tables/T13_weightings.csv")
    names = ["grpo", "micro", "steer", "uniform"]  # as in the file, whose keys are sorted
    assert table["weighting"].tolist() == names * 9
    assert set(table["step"]) == {0, 1, 2}
    at = table.set_index(["step", "update", "weighting"])
    assert (at.xs("grpo", level="weighting")["change_ratio"] == 1).all()
    assert at.loc[(0, "adamw", "uniform"), "change_ratio"] == pytest.approx(1, abs=0.01)
    # Near its maximum entropy is not linear in the update, so what is measured may be another share.
    assert at.loc[(0, "sgd", "uniform"), "predicted_tabular"] == pytest.approx(0.7, abs=1e-4)
    assert (table["change"] - table["local"] - table["visits"]).abs().max() < 1e-6
    # Two maxima over parts damp more tokens to λ_min than one over the whole does.
    assert at.loc[(0, "sgd", "micro"), "weight"] < at.loc[(0, "sgd", "steer"), "weight"]
    assert len(pd.read_csv(measured / "tables/T13_law.csv")) == 3 * 3 * 2
    assert "law" in (measured / "tables/T13_weightings.md").read_text()


FIGURES = [("F1_entropy_change", 12), ("F2_estimates", 6), ("D4_positions", 2), ("F13_law", 4)]


@pytest.mark.parametrize(("name", "panels"), FIGURES)
@pytest.mark.slow
def test_figures_draw_from_the_tables_alone(measured, name, panels):
    from matplotlib import pyplot as plt

    from steer.figures import page
    from steer.figures.sources import Sources

    with plt.style.context(page.STYLE):
        sources = Sources(measured / "tables", load_config(measured / "config.yaml"))
        figure = importlib.import_module(f"steer.figures.{name}").draw(sources)
    plt.close(figure)
    assert len(figure.axes) == panels
    least = 1 if name == "F13_law" else 2  # one line a run
    assert all(len(ax.lines) >= least for ax in figure.axes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measurement": None}, "no `measurement`; add one"),
        ({"measurement": {"run": "steer"}}, "measurement.run is 'steer', which is no entry of `methods`"),
        ({"measurement": {"run": "grpo", "updates": ["adamw"]}}, "own_tokens needs `sgd` among updates"),
        ({"measurement": {"run": "grpo", "stages": [0.25]}, "training": {"steps": 4, "prompts": 4, "updates": 2}},
         "models/step1: no such model"),
        ({"measurement": {"run": "grpo", "weightings": {"grpo": {}}}}, "must not repeat measurement.run"),
        ({"measurement": {"run": "grpo", "stages": [0], "weightings": {"rlrt": {}}}},
         "measurement.weightings.rlrt: method rlrt needs teacher_logprob"),
        ({"measurement": {"run": "grpo", "stages": [0], "weightings": {"uniform": {"training": {"micro": 1}}}}},
         "measurement.weightings.uniform.training"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_mistake_is_one_line(measured, tmp_path, change, said, capsys):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, **change}))
    where = ["--model", str(measured / "base"), "--run", str(tmp_path), "--data", str(measured / "data/train.jsonl")]
    arguments = ["--config", str(tmp_path / "config.yaml"), *where, "--out", str(tmp_path / "main.csv.gz")]
    assert cli.main(["measure", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
