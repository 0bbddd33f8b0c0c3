"""The program around its commands: what it loads, and the memory it keeps."""

import re
import subprocess
import sys
from pathlib import Path


def test_help_of_every_command_is_quick_to_import_and_complete():
    """`steer --help` names every command without importing torch, nor does the list of figures import seaborn."""
    code = (
        "import sys; from steer import cli\ntry: cli.main(['--help'])\n"
        "except SystemExit: cli.main(['plot', '--list']); print({'torch', 'seaborn'} & set(sys.modules) != set())"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for command in (
        "data",
        "warm-start",
        "train",
        "generate",
        "grade",
        "tabulate",
        "plot",
        "report",
        "verify",
        "plan",
        "dry",
    ):
        assert re.search(rf"^    {command}\b", output, re.M), command
    assert output.endswith("False\n")


def test_freed_memory_is_used_again_without_being_filled_anew():
    code = (
        "import resource; from steer.cli import keep_freed_memory; keep_freed_memory()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "before = faults()\n"
        "for _ in range(20): [b'x' * (8 << 20) for _ in range(8)]\n"
        "print(faults() - before)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # 64 MiB are 16,384 pages of 4 KiB, which twenty rounds fill once or twenty times.
    assert int(found.stdout) < 2 * 16_384


def test_torchrun_leaves_the_words_of_the_documented_command_alone():
    """Without `--` torchrun takes `--run` for one of its own options."""
    from torch.distributed.run import parse_args

    (told,) = re.findall(r"`torchrun (--nnodes … [^`]*)…`", Path("docs/training.md").read_text())
    words = told.replace("--nnodes …", "--nnodes 2").split()
    given = parse_args([*words, "--run", "grpo", "--seed", "0"])
    assert given.module and given.training_script == "steer.cli"
    assert given.training_script_args == ["train", "--run", "grpo", "--seed", "0"]
