"""Parts of `gpu_evidence.py` that compare the GPU with the CPU: single functions, attention, vLLM's weights."""

import fcntl
import importlib.util
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import processes
import torch

from steer.configs.schema import Architecture, Rollout, Training
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.engines.weights import combine, share, tensor_sums, trainer_weights
from steer.errors import UserError
from steer.models import varlen
from steer.models.devices import take_device
from steer.models.forward import Sequences, response_statistics
from steer.models.load import new_model, save_model
from steer.models.products import products_for
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer
from steer.train.checkpoint import Checkpoints, load

# The fewest values of a head that vLLM's CPU kernels know.
HEAD = 32
SMALL = Architecture(hidden_size=128, layers=2, heads=4, kv_heads=2, intermediate_size=96, max_positions=256)


def spread(seed: int = 0, by: int = 8) -> torch.nn.Module:
    """A random model whose greedy choices are not near ties: its matrices are multiplied."""
    model = new_model(SMALL, character_tokenizer(), seed=seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.mul_(by + 2 if "embed" in name else by)
    return model.eval()


def prompts() -> list[list[int]]:
    tokenizer = character_tokenizer()
    texts = ("1+1=?\n", "f(0)=4 f(1)=10\n", "largest even above 3\n")
    return [tokenizer.encode(text, add_special_tokens=False) for text in texts]


def units(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """Functions with a path of their own on a GPU, one by one, beside the CPU."""
    device = torch.device("cpu" if cpu else "cuda")
    result["products"] = {"passed": products(device)}
    weight = torch.randn(300, 70, generator=torch.Generator().manual_seed(0))
    same = [share(weight.to(device, kind)) == share(weight.to(kind)) for kind in (torch.float32, torch.bfloat16)]
    result["checksum"] = {"passed": all(same)}
    here, there = spread(), spread().to(device)
    batch = Sequences.from_lists(prompts(), [[8, 9, 10], [11] * 7, [12, 13, 14, 15]], 0)
    training = Training(steps=1, prompts=1, updates=1)
    with torch.no_grad():
        own = policy_statistics(there, batch.to(device), training).logprob.cpu()
        apart = float(((own - policy_statistics(here, batch, training).logprob) * batch.mask).abs().max())
    result["log_probabilities"] = {"largest_difference": apart, "passed": apart < 1e-3}
    greedy, tokenizer = Sampling(temperature=0, max_tokens=24), character_tokenizer()
    found = [
        LocalEngine(model, tokenizer).generate(prompts(), greedy, torch.Generator().manual_seed(0))
        for model in (here, there)
    ]
    result["greedy"] = {"passed": [g[0].tokens for g in found[0]] == [g[0].tokens for g in found[1]]}
    result["checkpoint"] = {"passed": checkpoint_returns(there, folder / "kept")}
    result["attention"] = in_a_model(device)
    result["devices"] = locked(folder, cpu)
    if cpu:
        result["kernels"] = {"not_run": "`make bench-test` runs Triton's kernels in its interpreter"}
    else:
        result["kernels"] = kernels(device)


def products(device: torch.device) -> bool:
    """TF32 products in a pass in bf16, exact ones in fp32, whatever was set before."""
    a = torch.randn(512, 512, generator=torch.Generator().manual_seed(0)).to(device)
    exact, apart = a.double() @ a.double(), {}
    for precision in ("bf16", "fp32"):
        with products_for(precision):
            apart[precision] = float(((a @ a).double() - exact).norm() / exact.norm())
            said = torch.get_float32_matmul_precision()
        if said != {"bf16": "high", "fp32": "highest"}[precision]:
            return False
    return apart["fp32"] < 1e-6 and (device.type == "cpu" or 1e-5 < apart["bf16"] < 1e-2)


def in_a_model(device: torch.device) -> dict[str, Any]:
    """A model in bf16 with attention as this device takes it: as close to fp32 as with padded blocks."""
    batch = Sequences.from_lists([prompts()[0]] * 2 + [prompts()[1]], [[8, 9, 10], [11] * 40, [12, 13, 14, 15]], 0)
    training, found = Training(steps=1, prompts=1, updates=1), {}
    serves = varlen.serves(torch.empty(1, SMALL.heads, 1, HEAD, device=device, dtype=torch.bfloat16))
    for form, dtype in {"fp32": torch.float32, "blocks": torch.bfloat16, "own": torch.bfloat16}.items():
        model = spread(by=3).to(device, dtype)
        with mock.patch.object(varlen, "serves", varlen.serves if form == "own" else lambda query: False):
            logprob = policy_statistics(model, batch.to(device), training).logprob
            logprob.sum().backward()
        of_keys = [p.grad.float() for name, p in model.named_parameters() if "k_proj.weight" in name]
        found[form] = logprob.detach(), torch.cat(of_keys)
    result: dict[str, Any] = {"without_padding": serves, "passed": serves or device.type == "cpu"}
    for number, name in enumerate(("log_probabilities", "gradient_of_keys")):
        exact = found["fp32"][number]
        off = {form: float((found[form][number] - exact).norm() / exact.norm()) for form in ("blocks", "own")}
        result[name] = off
        result["passed"] &= off["own"] < 2 * off["blocks"] + 0.01
    return result


def locked(folder: Path, cpu: bool) -> dict[str, Any]:
    """What a process finds that takes a device as a job does."""
    processes.apart(partial(take_and_ask, folder, cpu))
    return json.loads((folder / "told").read_text())


def take_and_ask(folder: Path, cpu: bool) -> None:
    """Take a device, compute on it, and see that it is the only one here and that nobody else can take it.

    A device pinned by CUDA_VISIBLE_DEVICES has no lock.
    """
    device = take_device(folder=folder / "locks")
    right = device.type == ("cpu" if cpu else "cuda") and float(torch.ones(8, device=device).sum()) == 8.0
    held = list((folder / "locks").glob("*"))
    if held:
        right &= len(held) == torch.cuda.device_count() == 1
        try:
            fcntl.flock(os.open(held[0], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
            right = False
        except BlockingIOError:
            pass
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    (folder / "told").write_text(json.dumps({"visible": named, "locks": len(held), "passed": right}))


def kernels(device: torch.device) -> dict[str, Any]:
    """Triton's kernels beside torch's arithmetic, on blocks whose rows are no multiple of theirs."""
    from steer.models import fused_head_torch, fused_head_triton

    generator, largest_apart = torch.Generator(device).manual_seed(0), 0.0
    for rows, columns in ((5, 300), (3, 2500), (1, 1024), (4, 20_000)):
        z, given = 4 * torch.randn(rows, columns, generator=generator, device=device), []
        for of in (fused_head_triton, fused_head_torch):
            largest, sums = torch.full((rows,), 3.0, device=device), torch.full((4, rows), 0.5, device=device)
            of.accumulate(z.clone(), largest, sums)
            gradient, weights = z.clone(), [torch.full((rows,), value, device=device) for value in (2.0, -1.0, 0.5)]
            of.gradient_(gradient, torch.logsumexp(z, 1), *weights)
            given.append((largest, sums, gradient))
        apart_now = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(*given, strict=True)]
        largest_apart = max(largest_apart, *apart_now)
    return {"largest_relative_difference": largest_apart, "passed": largest_apart < 1e-4}


def checkpoint_returns(model: torch.nn.Module, folder: Path) -> bool:
    """Weights that were changed after a checkpoint are back, bit by bit, on the same device."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    checkpoints = Checkpoints(folder, "a")
    checkpoints.save(1, model, optimizer, {"step": 1})
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1)
    load(checkpoints.newest(), model, optimizer)
    return all(torch.equal(before[name], value) for name, value in model.named_parameters())


def attention(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """Attention without padding at a 7B model's heads: beside the plain form in fp64 on the CPU, and TFLOP/s."""
    device, dtype = torch.device("cpu" if cpu else "cuda"), torch.float32 if cpu else torch.bfloat16
    heads, kv_heads, size = (4, 2, 16) if cpu else (28, 4, 128)
    lengths = [20, 33] if cpu else [512, 1536, 2048, 900, 3000] * 3
    result["serves"] = varlen.serves(torch.empty(1, heads, size, device=device, dtype=dtype))
    kernel = varlen.flash if result["serves"] else varlen.plain
    few = lengths[:2] if cpu else [60, 130]
    given = states(few, heads, kv_heads, size)
    exact, _ = mixed(varlen.plain, given, few)
    own, _ = mixed(kernel, [value.to(device, dtype) for value in given], few)
    apart = max(float((a.cpu().double() - b).norm() / b.norm()) for a, b in zip(own, exact, strict=True))
    expected = cpu or result["serves"]
    result.update(relative_difference=apart, passed=bool(expected and apart < (1e-5 if cpu else 0.03)))
    # Forward 4·d per query head and pair, backward 2.5 times that; pairs under the diagonal.
    operations = 3.5 * 4 * heads * size * sum(n * (n + 1) / 2 for n in lengths)
    forms = {"plain": varlen.plain}
    if result["serves"]:
        forms["kernel"] = varlen.flash
    else:
        result["kernel"] = {"not_run": "torch's kernel does not serve this device"}
    for name, form in forms.items():
        given = [value.to(device, dtype) for value in states(lengths, heads, kv_heads, size)]
        _, took = min((mixed(form, given, lengths) for _ in range(3)), key=lambda found: found[1])
        result[name] = {"tokens": sum(lengths), "seconds": round(took, 5), "tflops": round(operations / took / 1e12, 3)}


def states(lengths: list[int], heads: int, kv_heads: int, size: int) -> list[torch.Tensor]:
    """Random queries, keys, values and gradient of the result, in fp64 on the CPU."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(sum(lengths), count, size) for count in (heads, kv_heads, kv_heads, heads)]
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]


def mixed(form: Any, given: list[torch.Tensor], lengths: list[int]) -> tuple[list[torch.Tensor], float]:
    """Values and gradients of an attention, and the seconds of both passes."""
    query, key, value = (states.detach().requires_grad_() for states in given[:3])
    synchronised(query.device)
    began = time.perf_counter()
    found = form(query, key, value, lengths, lengths, query.shape[-1] ** -0.5)
    gradients = torch.autograd.grad(found, (query, key, value), given[3])
    synchronised(query.device)
    return [found.detach(), *gradients], time.perf_counter() - began


def synchronised(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def served(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """vLLM in this process: sleep, wake with other weights, checksum, mismatch of log-probabilities, greedy choices."""
    if importlib.util.find_spec("vllm") is None:
        result["not_run"] = "vLLM is not installed here"
        return
    from steer.engines.vllm import VllmEngine

    tokenizer, model, moved = character_tokenizer(), spread(), spread(seed=1)
    save_model(model, tokenizer, folder / "served")
    settings = Rollout(engine="vllm", dtype="float32", kv_cache_gib=0.06 if cpu else 1.0, enforce_eager=cpu)
    given = {"samples": 8, "tokens": 100, "temperature": 1}
    began = time.perf_counter()
    try:
        engine = VllmEngine(str(folder / "served"), tokenizer, settings, **given, load=False)
    except UserError as error:
        result.update(passed=False, error=str(error))
        return
    result["start_seconds"] = round(time.perf_counter() - began, 1)
    device = torch.device("cpu" if cpu else "cuda")
    for name, trainer in {"first": model, "after_sleep": moved}.items():
        result[name] = answers(engine, trainer.to(device), tokenizer)
        free = None if cpu else torch.cuda.mem_get_info()[0]
        engine.sleep()
        if not cpu:
            result[name]["gb_freed_by_sleep"] = round((torch.cuda.mem_get_info()[0] - free) / 1e9, 3)
        result[name]["refuses_asleep"] = refuses(engine)
        result[name]["passed"] &= result[name]["refuses_asleep"]
    result["passed"] = result["first"]["passed"] and result["after_sleep"]["passed"]
    engine.close()


def answers(engine: Any, trainer: torch.nn.Module, tokenizer: Any) -> dict[str, Any]:
    """What a woken engine serves beside the trainer's model."""
    began = time.perf_counter()
    checksum = engine.wake(trainer_weights(trainer))
    found: dict[str, Any] = {"wake_seconds": round(time.perf_counter() - began, 3)}
    found["checksum"] = checksum == combine(tensor_sums(trainer_weights(trainer)))
    greedy = Sampling(temperature=0, max_tokens=24)
    both = [
        of.generate(prompts(), greedy, torch.Generator().manual_seed(0))
        for of in (engine, LocalEngine(trainer, tokenizer))
    ]
    found["greedy_equal"] = [g[0].tokens for g in both[0]] == [g[0].tokens for g in both[1]]
    sampled = engine.generate(prompts(), Sampling(samples=8, max_tokens=24), torch.Generator().manual_seed(0))
    flat = [(prompt, c) for prompt, group in zip(prompts(), sampled, strict=True) for c in group]
    batch = Sequences.from_lists([prompt for prompt, _ in flat], [c.tokens for _, c in flat], 0)
    own = batch.to(next(trainer.parameters()).device)
    with torch.no_grad():
        logprob = response_statistics(trainer, own, 1.0).logprob[own.mask].cpu()
    mismatch = (torch.tensor([value for _, c in flat for value in c.logprobs]) - logprob).abs()
    found |= {"mismatch_mean": float(mismatch.mean()), "mismatch_max": float(mismatch.max())}
    return {**found, "passed": found["checksum"] and found["greedy_equal"] and found["mismatch_mean"] < 0.01}


def refuses(engine: Any) -> bool:
    try:
        engine.generate(prompts(), Sampling(max_tokens=2), torch.Generator())
    except RuntimeError as error:
        return "no fresh weights" in str(error)
    return False
