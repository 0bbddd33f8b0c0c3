"""Correct programs that judges are known or likely to fail."""

# ruff: noqa: E501  # a program a line

from tests.hostile import SQUARES, SQUARES_READ, Case, asserts, function, stdin

SUM = stdin(("3\n1 2 3\n", "6\n"), ("1\n-5\n", "-5\n"))
LINES = stdin(("a\nb\nc\n", "3\n"))
NODE = """
class Node:
    def __init__(self, v): self.v, self.left, self.right = v, None, None
def depth(n): return 0 if n is None else 1 + max(depth(n.left), depth(n.right))
"""

READING = [
    Case("input", "n = int(input())\nprint(sum(map(int, input().split())))", SUM),
    Case("sys.stdin.read", "import sys\nd = sys.stdin.read().split()\nprint(sum(map(int, d[1:])))", SUM),
    Case("sys.stdin.readline", "import sys\nn = int(sys.stdin.readline())\nprint(sum(map(int, sys.stdin.readline().split())))", SUM),
    Case("readline as input", "import sys\ninput = sys.stdin.readline\nn = int(input())\nprint(sum(map(int, input().split())))", SUM),
    Case("sys.stdin.buffer.readline", "import sys\ninput = sys.stdin.buffer.readline\nn = int(input())\nprint(sum(map(int, input().split())))", SUM),
    Case("sys.stdin.buffer.read", "import sys\nd = sys.stdin.buffer.read().split()\nprint(sum(map(int, d[1:])))", SUM),
    Case("for line in sys.stdin", "import sys\nprint(sum(1 for line in sys.stdin))", LINES),
    Case("sys.stdin.readlines", "import sys\nprint(len(sys.stdin.readlines()))", LINES),
    Case("open(0)", "n, *a = map(int, open(0).read().split())\nprint(sum(a))", SUM),
    Case("open(0) in binary", "n, *a = map(int, open(0, 'rb').read().split())\nprint(sum(a))", SUM),
    Case("open(0) by lines", "f = open(0)\nn = int(next(f))\nprint(sum(map(int, next(f).split())))", SUM),
    Case("/dev/stdin", "n, *a = map(int, open('/dev/stdin').read().split())\nprint(sum(a))", SUM),
    Case("os.read", "import os\nn, *a = map(int, os.read(0, 1 << 20).split())\nprint(sum(a))", SUM),
    Case("io.BytesIO over os.read", "import io, os\ninput = io.BytesIO(os.read(0, os.fstat(0).st_size or 1 << 20)).readline\nn = int(input())\nprint(sum(map(int, input().split())))", SUM),
    Case("fileinput", "import fileinput\nprint(sum(1 for line in fileinput.input()))", LINES),
    Case("iter(input)", "n = 0\ntry:\n    while True:\n        input(); n += 1\nexcept EOFError: print(n)", LINES),
    Case("replaced stdin", "import io, sys\nsys.stdin = io.StringIO(sys.stdin.read())\nn = int(input())\nprint(sum(map(int, input().split())))", SUM),
    Case("no input at all", "print(42)", stdin(("", "42"))),
    Case("unread input", "print(42)", stdin(("x\n" * 300_000, "42"))),
    Case("windows lines", "print(sum(map(int, open(0).read().split()[1:])))", stdin(("3\r\n1 2 3\r\n", "6\r\n"))),
    Case("unicode", "s = input()\nprint(s[::-1], len(s))", stdin(("héllo ☃\n", "☃ olléh 7\n"))),
    Case("large input", "import sys\nprint(sum(map(int, sys.stdin.buffer)))", stdin(("1\n" * 500_000, "500000\n"))),
]  # fmt: skip
WRITING = [
    Case("sys.stdout.write", "import sys\nsys.stdout.write(str(int(input()) ** 2))", SQUARES_READ),
    Case("sys.stdout.buffer", "import sys\nsys.stdout.buffer.write(b'%d' % int(input()) ** 2)", SQUARES_READ),
    Case("mixed buffers", "import sys\nprint(int(input()) ** 2, end='', flush=True)\nsys.stdout.buffer.write(b'\\n')", SQUARES_READ),
    Case("os.write", "import os\nos.write(1, str(int(input()) ** 2).encode())", SQUARES_READ),
    Case("open(1)", "f = open(1, 'w')\nf.write(str(int(input()) ** 2))", SQUARES_READ),
    Case("/dev/stdout", "open('/dev/stdout', 'w').write(str(int(input()) ** 2))", SQUARES_READ),
    Case("printing at exit", "import atexit, io, os, sys\nsys.stdout = io.StringIO()\natexit.register(lambda: os.write(1, sys.stdout.getvalue().encode()))\nprint(int(input()) ** 2)", SQUARES_READ),
    Case("noise on stderr", "import sys\nprint('debug' * 1000, file=sys.stderr)\nprint(int(input()) ** 2)", SQUARES_READ),
    Case("trailing blanks", "print(int(input()) ** 2, '  ')\nprint()", SQUARES_READ),
    Case("more digits", "print(1 / 3)", stdin(("", "0.333333333\n"))),
    Case("fewer digits", "print(0.5)", stdin(("", "0.500000\n"))),
    Case("large output", "print('\\n'.join(map(str, range(300_000))))", stdin(("", "\n".join(map(str, range(300_000)))))),
    Case("huge number", "print(10 ** 5000)", stdin(("", "1" + "0" * 5000))),
]  # fmt: skip
RUNNING = [
    Case("global", "total = 0\ndef add(x):\n    global total\n    total += x\nadd(int(input()) ** 2)\nprint(total)", SQUARES_READ),
    Case("main guard", "def main(): print(int(input()) ** 2)\nif __name__ == '__main__': main()", SQUARES_READ),
    Case("recursive closure", "def g(n): return 0 if n == 0 else g(n - 1) + 2 * n - 1\nx = int(input())\nprint([g(y) for y in (x,)][0])", SQUARES_READ),
    Case("exit()", "print(int(input()) ** 2)\nexit()", SQUARES_READ),
    Case("sys.exit(0)", "import sys\nprint(int(input()) ** 2)\nsys.exit(0)", SQUARES_READ),
    Case("os._exit(0) after a flush", "import os\nprint(int(input()) ** 2, flush=True)\nos._exit(0)", SQUARES_READ),
    Case("a big stack in a thread", "import sys, threading\nsys.setrecursionlimit(10 ** 6)\nthreading.stack_size(1 << 27)\ndef d(n): return 0 if n == 0 else 1 + d(n - 1)\ndef main(): print(d(50_000) - 50_000 + int(input()) ** 2)\nt = threading.Thread(target=main); t.start(); t.join()", SQUARES_READ),
    Case("deep recursion", "import sys\nsys.setrecursionlimit(10 ** 6)\ndef d(n): return 0 if n == 0 else 1 + d(n - 1)\nprint(d(100_000) - 100_000 + int(input()) ** 2)", SQUARES_READ),
    Case("thread not joined", "import threading, time\ndef late(x):\n    time.sleep(0.05); print(x)\nthreading.Thread(target=late, args=(int(input()) ** 2,)).start()", SQUARES_READ),
    Case("executor", "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as e: print(sum(e.map(int, [int(input()) ** 2])))", SQUARES_READ),
    Case("asyncio", "import asyncio\nasync def main(): await asyncio.sleep(0); print(int(input()) ** 2)\nasyncio.run(main())", SQUARES_READ),
    Case("subprocess", "import subprocess, sys\nx = input()\nprint(subprocess.run([sys.executable, '-c', f'print({x} ** 2)'], capture_output=True, text=True).stdout)", SQUARES_READ),
    Case("fork and pipe", "import os\nx = int(input())\nr, w = os.pipe()\nif os.fork() == 0:\n    os.write(w, str(x * x).encode()); os._exit(0)\nprint(os.read(r, 99).decode())", SQUARES_READ),
    Case("process pool", "from multiprocessing import Pool\ndef sq(x): return x * x\nif __name__ == '__main__':\n    with Pool(2) as p: print(p.map(sq, [int(input())])[0])", SQUARES_READ, time_limit_s=5.0),
    Case("temporary files", "import tempfile, pathlib\nwith tempfile.NamedTemporaryFile('w+') as f:\n    f.write(input()); f.seek(0); print(int(f.read()) ** 2)\npathlib.Path('a/b').mkdir(parents=True)", SQUARES_READ),
    Case("caught errors", "try: import no_such_module\nexcept ImportError: pass\nprint(int(input()) ** 2)", SQUARES_READ),
    Case("own source", "import inspect\ndef g(): pass\nassert 'def g' in inspect.getsource(g)\nassert open(__file__).read()\nprint(int(input()) ** 2)", SQUARES_READ),
    Case("dataclasses and pickles", "import pickle\nfrom dataclasses import dataclass\n@dataclass\nclass P: x: int\nprint(pickle.loads(pickle.dumps(P(int(input())))).x ** 2)", SQUARES_READ),
    Case("numpy", "import numpy as np\nprint(int(np.array([int(input())]).dot([1]) ** 2))", SQUARES_READ, time_limit_s=5.0),
    Case("rare modules", "import sqlite3, ssl, zlib, lzma, ctypes, unittest, xml.etree.ElementTree, email, http.client, graphlib, zoneinfo\nprint(int(input()) ** 2)", SQUARES_READ, time_limit_s=5.0),
    Case("limits lifted in vain", "import resource, sys\ntry: resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY,) * 2)\nexcept ValueError: pass\nprint(int(input()) ** 2)", SQUARES_READ),
    Case("future import and docstring", '"""Squares."""\nfrom __future__ import annotations\ndef f(x: Undefined) -> int: return x * x', SQUARES),
    Case("byte order mark", "\ufeffdef f(x): return x * x", SQUARES),
    Case("coding line", "# -*- coding: latin-1 -*-\ndef f(x): return x * x", SQUARES),
    Case("windows source", "def f(x):\r\n    return x * x\r\n", SQUARES),
    Case("demo at the end", "def f(x): return x * x\nif __name__ == '__main__': print(f(int(input())))", SQUARES),
    Case("prints while at it", "def f(x):\n    print('x' * 5000)\n    return x * x", SQUARES),
    Case("class Solution", "class Solution:\n    def f(self, x): return x * x", SQUARES),
    Case("helper with a global", "memo = {}\ndef f(x):\n    global memo\n    memo[x] = x * x\n    return memo[x]", SQUARES),
    Case("shadowed builtins", "list = dict = len = str = sum = None\nprint = input = open = None\ndef f(x): return x * x", SQUARES),
    Case("patched modules", "import json, sys, builtins\njson.dumps = json.loads = None\nbuiltins.print = builtins.sorted = None\nsys.stdout = None\ndef f(x): return x * x", SQUARES),
    Case("tuple for a list", "def f(x): return (x, (x, x))", function(([1], [1, [1, 1]]))),
    Case("sum in another order", "def f(xs): return sum(reversed(xs))", function(([[0.1, 0.2, 0.3, 0.4]], 0.1 + 0.2 + 0.3 + 0.4))),
    Case("whole float", "def f(x): return x / 1", function(([4], 4))),
    Case("integer keys", "def f(x): return {x: 1, 2: [x]}", function(([1], {"1": 1, "2": [1]}))),
    Case("none", "def f(x): pass", function(([1], None))),
    Case("named tuple", "from collections import namedtuple\nP = namedtuple('P', 'a b')\ndef f(x): return P(x, 2)", asserts("assert f(1) == (1, 2)")),
    Case("counter", "from collections import Counter, defaultdict\ndef f(s): return Counter(s)", asserts("assert f('aab') == {'a': 2, 'b': 1}")),
    Case("enumeration", "from enum import IntEnum\nclass E(IntEnum): A = 3\ndef f(x): return E.A", asserts("assert f(1) == 3")),
    Case("sets and complex", "def f(x): return {1, (2, 3)}, frozenset([x]), 1j, b'x', range(3)", asserts("assert f(5) == ({1, (2, 3)}, frozenset([5]), 1j, b'x', range(3))")),
    Case("exact numbers", "from decimal import Decimal\nfrom fractions import Fraction\ndef f(x): return Decimal('0.1') * x, Fraction(x, 3), 2 ** 100_000", asserts("from decimal import Decimal\nfrom fractions import Fraction\nassert f(3) == (Decimal('0.3'), 1, 1 << 100000)")),
    Case("generator", "def f(x):\n    for i in range(x): yield i", asserts("assert list(f(5)) == [0, 1, 2, 3, 4]")),
    Case("endless generator", "def f():\n    x = 0\n    while True:\n        yield x\n        x += 1", asserts("import itertools\nassert list(itertools.islice(f(), 40)) == list(range(40))\nassert next(f()) == 0")),
    Case("map and dict views", "def f(x): return map(str, range(x)), {1: 2}.keys()", asserts("a, b = f(2)\nassert list(a) == ['0', '1']\nassert list(b) == [1]")),
    Case("sorts in place", "def f(xs): xs.sort()", asserts("xs = [3, 1, 2]\nf(xs)\nassert xs == [1, 2, 3]")),
    Case("callable argument", "def f(g, xs): return [g(x) for x in xs]", asserts("assert f(lambda v: v + 1, [1, 2]) == [2, 3]\nassert f(str, [1]) == ['1']\nassert f(len, ['ab']) == [2]")),
    Case("function returned", "def f(n): return lambda x: x + n", asserts("assert f(3)(4) == 7")),
    Case("expected exception", "def f(x):\n    if x < 0: raise ValueError('negative')\n    return x", asserts("try:\n    f(-1)\n    assert False\nexcept ValueError as error:\n    assert 'negative' in str(error)")),
    Case("match object is true", "import re\ndef f(s): return re.search('a', s)", asserts("assert f('cat')\nassert not f('dog')")),
    Case("objects of the program", NODE, asserts("root = Node(1)\nroot.left = Node(2)\nroot.left.right = Node(3)\nassert depth(root) == 3\nassert root.left.v == 2", "depth")),
    Case("methods of objects", "class Stack:\n    def __init__(self): self.a = []\n    def push(self, x): self.a.append(x)\n    def pop(self): return self.a.pop()", asserts("s = Stack()\ns.push(4)\ns.push(5)\nassert s.pop() == 5 and s.pop() == 4", "Stack")),
    Case("helper of the program", "def double(x): return 2 * x\ndef f(x): return x / 2", asserts("def check(candidate):\n    assert f(double(3)) == 3\n    assert candidate(double(4)) == 4")),
    Case("keyword arguments", "def f(x, *, scale=1): return x * scale", asserts("assert f(2, scale=3) == 6")),
    Case("check called by the test", "def f(x): return x", asserts("def check(candidate):\n    assert candidate(1) == 1\ncheck(f)")),
    Case("10,000 cases", "def f(x): return x * x", function(*(([i], i * i) for i in range(10_000)))),
]  # fmt: skip
FAST = """
import os, sys
from io import BytesIO, IOBase
class Out(IOBase):
    def __init__(self, file):
        self.fd, self.buffer = file.fileno(), BytesIO()
    def write(self, text): self.buffer.write(text.encode())
    def flush(self):
        os.write(self.fd, self.buffer.getvalue()); self.buffer.truncate(0); self.buffer.seek(0)
sys.stdout = Out(sys.stdout)
print(int(input()) ** 2)
"""
DEEP = "import resource, sys, threading\nresource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\nsys.setrecursionlimit(10 ** 6)\nthreading.stack_size(512 << 20)\ndef d(n): return 0 if n == 0 else 1 + d(n - 1)\nt = threading.Thread(target=lambda: print(d(100_000) - 100_000 + int(input()) ** 2)); t.start(); t.join()"
STACK = """
class Stack:
    def __init__(s): s.a = []
    def push(s, x): s.a.append(x)
    def __len__(s): return len(s.a)
    def __iter__(s): return iter(s.a)
    def __getitem__(s, i): return s.a[i]
    def __str__(s): return f'<{s.a}>'
    def __enter__(s): return s
    def __exit__(s, *_): s.a.clear()
"""
ANSWERS = [
    Case("output class of its own", FAST, SQUARES_READ),
    Case("stack beyond the memory limit", DEEP, SQUARES_READ),
    Case("fifty threads", "from concurrent.futures import ThreadPoolExecutor\nimport time\nwith ThreadPoolExecutor(50) as e: list(e.map(lambda v: time.sleep(0.01), range(50)))\nprint(int(input()) ** 2)", SQUARES_READ, memory_limit_mb=128),
    Case("fields of a named tuple", "from collections import namedtuple\nP = namedtuple('P', 'a b')\ndef f(x): return P(x, 2)", asserts("r = f(1)\nassert (r.a, r.b) == (1, 2) == r")),
    Case("counter, default and order", "from collections import Counter, OrderedDict, defaultdict\ndef f(s): return Counter(s), defaultdict(list, a=[1]), OrderedDict(b=1, a=2)", asserts("from collections import Counter, OrderedDict\nc, d, o = f('aab')\nassert c.most_common(1) == [('a', 2)] and c == Counter('aba') and c['z'] == 0\nassert d['z'] == [] and d == {'a': [1], 'z': []}\nassert o != OrderedDict(a=2, b=1) and o.popitem(last=False) == ('b', 1)")),
    Case("dates", "import datetime\ndef f(a, b): return a - b, a.date()", asserts("from datetime import date, datetime, timedelta\nassert f(datetime(2020, 1, 2), datetime(2020, 1, 1)) == (timedelta(days=1), date(2020, 1, 2))")),
    Case("types", "def f(x): return [type(v) for v in x]", asserts("assert f([1, 'a', None]) == [int, str, type(None)]")),
    Case("exception of a class below", "class E(ValueError): pass\ndef f(x): raise E('neg', x)", asserts("try:\n    f(-1)\nexcept ValueError as error:\n    assert error.args == ('neg', -1)\nelse:\n    assert False")),
    Case("exception class of the program", "class Base(Exception): pass\nclass Low(Base): pass\ndef f(x): raise Low('no')", asserts("for kind in (Low, Base):\n    try:\n        f(-1)\n    except kind as error:\n        assert str(error) == 'no'\n    else:\n        assert False")),
    Case("text of a key error", "def f(x): return {}[x]", asserts("try:\n    f('a')\nexcept KeyError as error:\n    assert str(error) == \"'a'\"\nelse:\n    assert False")),
    Case("assertion of the program", "def f(x): assert x > 0, 'positive'", asserts("done = False\ntry:\n    f(-1)\nexcept AssertionError as error:\n    done = str(error) == 'positive'\nassert done")),
    Case("measured and run through", STACK, asserts("with Stack() as s:\n    s.push(4)\n    s.push(5)\n    assert len(s) == 2 and list(s) == [4, 5] and s[-1] == 5 and str(s) == '<[4, 5]>'\nassert len(s) == 0", "Stack")),
    Case("class and static methods", "class C:\n    two = 2\n    def __init__(s, r): s.r = r\n    @classmethod\n    def unit(c): return c(1)", asserts("assert C.unit().r == 1 and C.two == 2", "C")),
    Case("the function as its own argument", "def f(g, x=None): return (lambda v: g(g(v))) if x is None else g(x)", asserts("assert f(lambda v: v + 1)(3) == 5 and f(f(lambda v: v + 1), 3) == 5 and f(f, len) is not None")),
    Case("coroutine", "async def f(x): return x * x", asserts("import asyncio\nassert asyncio.run(f(3)) == 9")),
    Case("method of an object made by the test", "class Solution:\n    def f(self, x): return x * x", asserts("assert Solution().f(3) == 9", "Solution.f")),
    Case("entry point with a call", "class Solution:\n    def f(self, x): return x * x", asserts("def check(candidate):\n    assert candidate(x=3) == 9", "Solution().f")),
    Case("candidate in plain asserts", "def f(x): return x * x", asserts("assert candidate(3) == 9")),
    Case("unittest and pytest", "def f(x):\n    if x < 0: raise ValueError('neg')\n    return x * x", asserts("import unittest, pytest\nt = unittest.TestCase()\nt.assertRaises(ValueError, f, -1)\nt.assertEqual(f(3), 9)\nwith pytest.raises(ValueError, match='neg'): f(-1)")),
    Case("digits of a large answer", "import math\ndef f(n): return math.factorial(n)", asserts("assert len(str(f(2000))) == 5736")),
]  # fmt: skip
CASES = [*READING, *WRITING, *RUNNING, *ANSWERS]
