"""The Slurm profile on a real Slurm of one node: a training job hits its time limit and goes on from its checkpoint.

One run of the workflow, to one method's metrics. Its reward function hangs once, when the first checkpoint is there;
the job's limit is then lowered to a minute, so that the test depends on no machine's speed. Slurm ends the job, and
Snakemake submits it again. `make test-slurm`.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from cluster import cluster

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
NAME, STEPS = "on_slurm", 4
REWARD = f"""
import time
from pathlib import Path

def score(problem, response):
    hung = Path(__file__).with_name("hung")
    if list(Path("results/{NAME}/checkpoints").glob("grpo/seed0/*/step-*")) and not hung.exists():
        hung.touch()
        time.sleep(3600)
    return float(len(response) % 2)
"""


def configured(folder: Path) -> tuple[str, str]:
    """Files for the nano experiment with that reward, and for the profile on a cluster without accounting."""
    (folder / "rewards.py").write_text(REWARD)
    reward = {"kind": "python", "functions": [{"function": f"{folder}/rewards.py:score"}]}
    tree = {
        "extends": str(REPOSITORY / "configs/nano.yaml"),
        "name": NAME,
        "reward": {**reward, "function_time_limit_s": 3600},
        "training": {"steps": STEPS, "checkpoint_every": 1},
        "methods": {"grpo": None},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    profile = yaml.safe_load((REPOSITORY / "workflow/profiles/slurm/config.yaml").read_text())
    # 40 s pass otherwise before a job is asked for.
    profile |= {"slurm-status-command": "squeue", "slurm-init-seconds-before-status-checks": 3}
    (folder / "profile").mkdir()
    (folder / "profile/config.yaml").write_text(yaml.safe_dump(profile))
    return str(folder / "config.yaml"), str(folder / "profile")


def jobs(environment: dict[str, str]) -> list[dict[str, str]]:
    """Every job that Slurm has had, in order."""
    command = ["scontrol", "--oneliner", "show", "job"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in done.stdout.splitlines() if "JobId=" in line]
    return sorted(found, key=lambda job: int(job["JobId"]))


def of_rule(found: list[dict[str, str]], rule: str) -> list[dict[str, str]]:
    """Jobs of a rule, by the folder of their logs."""
    return [job for job in found if f"/rule_{rule}/" in job["StdOut"]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(folder of the run, Slurm's jobs)."""
    folder, daemons = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("slurm")
    config, profile = configured(folder)
    target = f"results/{NAME}/runs/grpo/seed0/metrics.jsonl"
    command = [sys.executable, "-m", "snakemake", target, "--profile", profile, "--configfile", config]
    command += ["--snakefile", str(REPOSITORY / "workflow/Snakefile"), "--directory", str(folder)]
    with cluster(daemons) as environment, (folder / "said").open("wb") as said:
        snakemake = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        try:
            while snakemake.poll() is None and not (folder / "hung").exists():
                time.sleep(0.5)
            if snakemake.poll() is None:
                hanging = of_rule(jobs(environment), "train")[-1]["JobId"]
                subprocess.run(["scontrol", "update", f"JobId={hanging}", "TimeLimit=1"], env=environment, check=True)
            status = snakemake.wait()
            found = jobs(environment)
        finally:
            snakemake.kill()
    assert status == 0, (folder / "said").read_text()[-4000:]
    return folder, found


def test_each_job_runs_under_slurm_in_the_partition_of_the_profile(ran):
    _, found = ran
    for rule, partition in {"data": "cpu", "warm_start": "gpu"}.items():
        (job,) = of_rule(found, rule)
        assert (job["JobState"], job["Partition"]) == ("COMPLETED", partition)


def test_a_job_at_its_time_limit_is_submitted_again(ran):
    _, found = ran
    states = [(job["JobState"], job["Partition"]) for job in of_rule(found, "train")]
    assert states == [("TIMEOUT", "gpu"), ("COMPLETED", "gpu")]


def test_it_goes_on_as_if_nothing_had_been(ran):
    """Beside the same training left alone, to the last bit."""
    folder, _ = ran
    made = folder / f"results/{NAME}"
    threads = yaml.safe_load((made / "config.yaml").read_text())["threads"]["train"]
    options = {
        "config": made / "config.yaml", "run": "grpo", "seed": 0, "model": made / "base_model",
        "data": made / "data/train.jsonl", "out": folder / "alone", "threads": threads,
    }  # fmt: skip
    given = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    subprocess.run([sys.executable, "-m", "steer.cli", "train", *given], cwd=folder, check=True)
    runs = folder / "alone", made / "runs/grpo/seed0"
    alone, continued = ([json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] for run in runs)
    assert [line["step"] for line in continued] == list(range(1, STEPS + 1))
    for a, b in zip(alone, continued, strict=True):
        for name in {*a, *b} - {name for name in a if name.startswith("seconds")}:
            assert a[name] == b[name], name
    weights = [(run / "model/model.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]
