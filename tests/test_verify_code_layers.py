"""Each kernel layer stops, with the others that would switched off, a program that tries to get around it."""

import ctypes
import os
from pathlib import Path

import pytest

from steer import cli
from steer.configs.load import load_config
from steer.errors import UserError
from steer.verify.code import Program, Sandbox
from steer.verify.code.isolate import LAYERS
from steer.verify.responses import Verifier
from tests.hostile import CONTAINED
from tests.hostile.escapes import syscall, tries

NANO = Path(__file__).resolve().parents[1] / "configs/nano.yaml"
NAMESPACES = ("user_namespace", "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace")
ATTEMPTS = {
    "seccomp": [
        tries("out = socket.socket()"),
        tries("out = socket.socket(socket.AF_UNIX)"),
        tries("out = os.memfd_create('x')"),
        tries("out = ctypes.CDLL(None).unshare(0x10000000) == 0"),
        tries("out = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0"),
        tries("out = ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0"),
        syscall(435, 0, 0),
        tries("out = os.fork()"),
        tries("os.kill(os.getppid(), 0); out = 1"),
    ],
    "landlock": [
        tries("out = open('/etc/passwd').read()"),
        tries("out = os.listdir('/')"),
        tries("out = open('/var/tmp/steer-out', 'w')"),
        tries("out = os.listdir('/proc/' + str(os.getppid()))"),
    ],
    "mount_namespace": [
        tries("out = open('/etc/passwd').read()"),
        tries("out = os.path.exists('/var')"),
        tries("open('/etc/x', 'w'); out = 1"),
        tries("open(os.__file__ + '.x', 'w'); out = 1"),
    ],
    "network_namespace": [
        tries("s = socket.socket(); s.settimeout(1); s.connect(('127.0.0.1', 22)); out = 1"),
        tries("out = [l for l in open('/proc/net/dev').read().split('\\n')[2:] if l.strip() and 'lo:' not in l]"),
        tries("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('8.8.8.8', 53)); out = 1"),
    ],
    "pid_namespace": [
        tries("out = os.getpid() > 9"),
        tries("out = os.getppid()"),
        tries("for p in range(2, 9999):\n    try: os.kill(p, 0); out = p\n    except ProcessLookupError: pass"),
    ],
    "user_namespace": [
        tries("out = ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0"),
        tries("os.setuid(0); out = 1"),
        tries("os.chown('.', 1, 1); out = 1"),
    ],
    "unprivileged_user": [tries("out = os.geteuid() == 0 or os.getegid() == 0"), tries("os.setuid(0); out = 1")],
    "no_new_privs": [tries("out = 'NoNewPrivs:\\t1' not in open('/proc/self/status').read()")],
    "rlimits": [
        tries("try:\n    bytearray(2 << 30); out = 1\nexcept MemoryError: pass"),
        tries("open('big', 'wb').truncate(1 << 30); out = 1"),
        tries("out = [os.open('/dev/null', 0) for _ in range(1000)]"),
        tries("import resource\nout = resource.getrlimit(resource.RLIMIT_CORE)[1]"),
    ],
    "ipc_namespace": [],
}
# What else would stop the attempts on a layer, and is therefore left out.
OTHERS = {
    "seccomp": (*NAMESPACES, "landlock"),
    "landlock": (*NAMESPACES, "seccomp"),
    "mount_namespace": ("landlock", "seccomp"),
    "network_namespace": ("landlock", "seccomp"),
    "pid_namespace": ("landlock", "seccomp"),
    "user_namespace": ("landlock", "seccomp"),
    "unprivileged_user": ("landlock", "seccomp", *NAMESPACES),
    "no_new_privs": ("landlock", "seccomp"),
    "rlimits": ("landlock", "seccomp"),
    "ipc_namespace": ("landlock", "seccomp"),
}


def verdicts(without, programs, limit_s=2.0):
    with Sandbox(1, without=without) as sandbox:
        return sandbox.missing, sandbox.judge([Program(program, CONTAINED, limit_s, 256) for program in programs])


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if ATTEMPTS[layer]])
def test_a_layer_holds_alone(layer):
    missing, judged = verdicts(OTHERS[layer], ATTEMPTS[layer])
    if layer in missing:
        pytest.skip(f"{layer}: {missing[layer]}")
    assert [(verdict.verdict, verdict.detail) for verdict in judged] == [("pass", "")] * len(judged)


@pytest.mark.parametrize(
    "layer",
    [
        "seccomp",
        "landlock",
        *(pytest.param(x, marks=pytest.mark.slow) for x in ("mount_namespace", "pid_namespace", "rlimits")),
    ],
)
def test_without_the_layer_some_attempt_succeeds(layer):
    """So that the test above tests something."""
    _, judged = verdicts((*OTHERS[layer], layer), ATTEMPTS[layer])
    Path("/var/tmp/steer-out").unlink(missing_ok=True)  # the attempt on landlock
    assert any(verdict.verdict == "fail" for verdict in judged)


def test_shared_memory_of_others_is_out_of_reach():
    libc = ctypes.CDLL(None, use_errno=True)
    key = 0x57EE12 + os.getpid()
    segment = libc.shmget(key, 4096, 0o1666)
    assert segment >= 0
    try:
        missing, (verdict,) = verdicts(OTHERS["ipc_namespace"], [syscall(29, key, 4096, 0o666)])
    finally:
        libc.shmctl(segment, 0, None)
    if "ipc_namespace" in missing:
        pytest.skip(missing["ipc_namespace"])
    assert verdict.verdict == "pass"


def test_landlock_without_a_tree_still_imports_everything():
    program = "import sqlite3, asyncio, pickle, zoneinfo\ndef f(x): return 'contained'"
    _, (verdict,) = verdicts(NAMESPACES, [program])
    assert (verdict.verdict, verdict.detail) == ("pass", "")


def test_a_required_layer_that_is_missing_is_an_error_and_others_are_one_line(capfd):
    with pytest.raises(UserError, match="landlock"), Sandbox(1, require=("landlock",), without=("landlock",)):
        pass
    with pytest.raises(UserError, match="no layer is called firewall"):
        Sandbox(1, require=("firewall",))
    assert capfd.readouterr().err == ""


def test_the_configuration_can_require_a_layer(tmp_path):
    """`reward.require` reaches the sandbox of `steer grade`, which stops before it judges anything."""
    path = tmp_path / "c.yaml"
    path.write_text(f"extends: {NANO}\nreward: {{require: [firewall]}}\n")
    reward = load_config(path).reward
    with pytest.raises(UserError, match="no layer is called firewall"):
        Verifier(require=reward.require)
    arguments = ["grade", "--config", str(path), "--data", "no", "--generations", "no", "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 2


LONE = (*NAMESPACES, "unprivileged_user", "landlock")  # without a process namespace, as the user of the fork server


def test_seccomp_leaves_the_limits_of_others_alone():
    """A limit on the fork server would end it, and mask the sample, or fail the programs after it."""
    others = [
        tries("import resource\nout = resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (99, 99))"),
        tries("os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0)); out = 1"),
        tries("os.sched_setscheduler(os.getppid(), os.SCHED_BATCH, os.sched_param(0)); out = 1"),
        tries("os.setpriority(os.PRIO_PROCESS, os.getppid(), 1); out = 1"),
    ]
    own = """import os, resource
for who in (0, os.getpid()):
    resource.prlimit(who, resource.RLIMIT_NOFILE, (99, 99))
    os.sched_setaffinity(who, os.sched_getaffinity(who))
def f(x): return 'contained'"""
    missing, judged = verdicts(LONE, [*others, own])
    if "seccomp" in missing:
        pytest.skip(missing["seccomp"])
    assert [(verdict.verdict, verdict.detail) for verdict in judged] == [("pass", "")] * len(judged)


HIDDEN = """import os, time
def f(x):
    {}
    time.sleep(0.3)
    return 'contained'"""
UNLINKED = "kept = [open(n, 'wb') for n in 'ab']\n    for h in kept: os.unlink(h.name); h.write(bytes(60 << 20))"
CLOSED = "os.makedirs('a/b'); open('a/b/c', 'w'); os.chmod('a/b', 0); os.chmod('a', 0); time.sleep = id"


@pytest.mark.parametrize(
    ("hide", "reason"),
    [
        ("for _ in range(1500): os.mkdir('d'); os.chdir('d')", "output_limit"),
        pytest.param("for n in range(9000): open(str(n), 'w').close()", "output_limit", marks=pytest.mark.slow),
        (UNLINKED, "output_limit"),
        (CLOSED, ""),
    ],
    ids=["deep", "many", "unlinked", "closed"],
)
def test_a_work_folder_on_disk_is_limited_and_goes(hide, reason):
    before = set(Path("/tmp").glob("steer-code-*"))
    programs = [HIDDEN.format(hide), "def f(x): return 'contained'"]
    _, (verdict, after) = verdicts(NAMESPACES, programs, 20.0)  # a slow disk takes seconds for 9,000 files
    assert (verdict.reason, verdict.detail[:15]) == (reason, "files too large" if reason else "")
    assert after.verdict == "pass"
    assert set(Path("/tmp").glob("steer-code-*")) <= before
