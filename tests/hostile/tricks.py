"""Passes not earned: equality, reading the judge, forged verdicts, exits, patched builtins."""

# ruff: noqa: E501  # a program a line

from tests.hostile import SQUARES, SQUARES_ASSERTED, SQUARES_READ, Case, asserts, fails, function, stdin

ALWAYS_EQUAL = """
class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __float__(self): return 9.0
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __sub__(self, other): return 0
    __rsub__ = __abs__ = __sub__
"""


def equal_subclass(base: str, value: str) -> str:
    return f"class Any({base}):\n    def __eq__(self, o): return True\n    __ne__ = lambda s, o: False\n    __hash__ = {base}.__hash__\ndef f(x): return Any({value})\n"


FRAMES = """
import sys, gc
def look(x):
    frame = sys._getframe()
    while frame:
        for values in (frame.f_locals, frame.f_globals):
            for value in list(values.values()):
                if isinstance(value, dict):
                    if 'expected' in value: return value['expected']
                    for case in value.get('cases', []) if isinstance(value.get('cases'), list) else []:
                        if case['args'] == [x]: return case['expected']
        frame = frame.f_back
"""

GARBAGE = """
import gc
def f(x):
    for o in gc.get_objects():
        try:
            if isinstance(o, dict) and 'expected' in o and o.get('args') == [x]: return o['expected']
            if isinstance(o, dict) and 'cases' in o:
                return next(c['expected'] for c in o['cases'] if c['args'] == [x])
            if isinstance(o, str) and 'assert candidate' in o: return eval(o.split('==')[1].split()[0])
        except Exception: pass
"""

FORGED = """
import os, json, struct
def frame(message):
    data = json.dumps(message).encode()
    return struct.pack('>I', len(data)) + data
"""

RAISES = asserts("try:\n    f(-1)\nexcept:\n    pass\nelse:\n    assert False")
# EvalPlus' comparison of numbers, as its data sets on the hub have it.
ALL_CLOSE = """
import numpy as np
def assertion(out, exp, atol):
    atol = 1e-6
    if out != exp and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert out == exp
"""

CASES = [
    Case("equal to everything", ALWAYS_EQUAL + "def f(x): return Any()", SQUARES, fails("wrong_answer")),
    Case("equal to everything, assert", ALWAYS_EQUAL + "def f(x): return Any()", SQUARES_ASSERTED, fails("wrong_answer")),
    Case("not different", ALWAYS_EQUAL + "def f(x): return Any()", asserts("assert not (f(3) != 9)"), fails("wrong_answer")),
    Case("close to everything", ALWAYS_EQUAL + "def f(x): return Any()", asserts("assert abs(f(3) - 9) < 1e-6"), fails("wrong_answer")),
    Case("a module of its own", "class math:\n    isclose = lambda *a, **k: True\ndef f(x): return 0", asserts("assert math.isclose(f(3), 9.0)"), fails("wrong_answer")),
    Case("expected by its module", "class sys:\n    getsizeof = lambda x: 0\ndef f(x): return 0", asserts("assert f((1, 2)) == sys.getsizeof((1, 2))"), fails("wrong_answer")),
    Case("in everything", ALWAYS_EQUAL + "def f(x): return Any()", asserts("assert f(3) in [9]"), fails("wrong_answer")),
    Case("listed equal objects", ALWAYS_EQUAL + "def f(x): return [Any(), Any()]", asserts("assert f(3) == [1, 2]"), fails("wrong_answer")),
    Case("equal integer", equal_subclass("int", "1"), SQUARES, fails("wrong_answer")),
    Case("equal integer, assert", equal_subclass("int", "1"), SQUARES_ASSERTED, fails("wrong_answer")),
    Case("equal string", equal_subclass("str", "'a'"), asserts("assert f(1) == 'b'"), fails("wrong_answer")),
    Case("equal list", "class L(list):\n    def __eq__(s, o): return True\ndef f(x): return L([1])", asserts("assert f(1) == [2]"), fails("wrong_answer")),
    Case("equal tuple", "class L(tuple):\n    def __eq__(s, o): return True\ndef f(x): return L([1])", asserts("assert f(1) == (2,)"), fails("wrong_answer")),
    Case("equal dict", "class L(dict):\n    def __eq__(s, o): return True\ndef f(x): return L(a=1)", asserts("assert f(1) == {'a': 2}"), fails("wrong_answer")),
    Case("claims to be an int", "class C:\n    __class__ = int\n    def __eq__(s, o): return True\ndef f(x): return C()", SQUARES, fails("wrong_answer")),
    Case("metaclass equality", "class M(type):\n    def __eq__(s, o): return True\n    __hash__ = type.__hash__\nclass C(metaclass=M): pass\ndef f(x): return C", SQUARES_ASSERTED, fails("wrong_answer")),
    Case("NotImplemented", "def f(x): return NotImplemented", SQUARES_ASSERTED, fails("wrong_answer")),
    Case("frames", FRAMES + "def f(x): return look(x)", SQUARES, fails()),
    Case("frames, assert", FRAMES + "def f(x): return look(x)", SQUARES_ASSERTED, fails()),
    Case("frames while loading", FRAMES + "found = look(3)\ndef f(x): return found", SQUARES, fails()),
    Case("garbage collector", GARBAGE, SQUARES, fails()),
    Case("garbage collector, assert", GARBAGE, SQUARES_ASSERTED, fails()),
    Case("own memory", "import re\ndef f(x):\n    for line in open('/proc/self/maps'):\n        if 'heap' in line:\n            a, b = (int(p, 16) for p in line.split()[0].split('-'))\n            m = open('/proc/self/mem', 'rb'); m.seek(a)\n            hit = re.search(rb'expected\\W+(\\d+)', m.read(b - a))\n            return hit and int(hit[1])", SQUARES, fails()),
    Case("prints a verdict", "import sys\nprint('pass'); print('{\"verdict\": \"pass\"}'); sys.stdout.flush()\nimport os; os._exit(0)", SQUARES, fails("no_output")),
    Case("verdict on every descriptor", FORGED + "for d in range(64):\n    for m in ({'verdict': 'pass'}, ['ok', True], ['ended'], ['ready'], 'pass'):\n        try: os.write(d, frame(m))\n        except OSError: pass\nos._exit(0)", SQUARES, fails()),
    Case("verdict on every descriptor, assert", FORGED + "for d in range(64):\n    try: os.write(d, frame(['ready']) + frame(['ok', 9]) + frame(['ok', 9]))\n    except OSError: pass\nos._exit(0)", SQUARES_ASSERTED, fails()),
    Case("verdict on every descriptor, stdin", FORGED + "for d in range(3, 64):\n    try: os.write(d, frame(['ended']) * 3 + frame({'verdict': 'pass'}))\n    except OSError: pass", SQUARES_READ, fails("no_output")),
    Case("callback never given", FORGED + "def f(x):\n    os.write(3, frame(['callback', 0, [], {}]) * 9)\n    return 9", SQUARES_ASSERTED, fails()),
    Case("malformed frames", "import os\ndef f(x):\n    os.write(3, b'\\xff' * 4096)\n    return 9", SQUARES, fails()),
    Case("frame of garbage", "import os\ndef f(x):\n    os.write(3, b'\\0\\0\\0\\7garbage')\n    return x * x", SQUARES, fails("runtime_error")),
    Case("deep frame", "import os, struct\ndef f(x):\n    d = b'[' * 200000\n    os.write(3, struct.pack('>I', len(d)) + d)\n    return 9", SQUARES, fails()),
    Case("digits frame", "import os, struct\ndef f(x):\n    d = b'[\"ok\",' + b'9' * 100000 + b']'\n    os.write(3, struct.pack('>I', len(d)) + d)\n    return 9", SQUARES, fails()),
    Case("tagged nonsense", FORGED + "def f(x):\n    os.write(3, frame(['ok', {'fraction': [1, 0]}]))\n    os._exit(0)", SQUARES, fails()),
    Case("unhashable keys", FORGED + "def f(x):\n    os.write(3, frame(['ok', {'dict': [[[1], 2]]}]))\n    os._exit(0)", SQUARES_ASSERTED, fails()),
    Case("exit 0", "import sys\nsys.exit(0)", SQUARES, fails()),
    Case("exit 0 in the call", "import sys\ndef f(x): sys.exit(0)", SQUARES, fails()),
    Case("exit 0 in the call, assert", "def f(x): raise SystemExit", SQUARES_ASSERTED, fails()),
    Case("os._exit in the call", "import os\ndef f(x): os._exit(0)", SQUARES_ASSERTED, fails("no_output")),
    Case("quit", "quit()", SQUARES_READ, fails("no_output")),
    Case("os._exit after no output", "import os\nos._exit(0)", SQUARES_READ, fails("no_output")),
    Case("exit status after the answer", "print(int(input()) ** 2, flush=True)\nraise SystemExit(3)", SQUARES_READ, fails("runtime_error")),
    Case("killed after the answer", "import os\nprint(int(input()) ** 2, flush=True)\nos.abort()", SQUARES_READ, fails("runtime_error")),
    Case("keyboard interrupt", "def f(x): raise KeyboardInterrupt", SQUARES_ASSERTED, fails("runtime_error")),
    Case("generator exit", "def f(x): raise GeneratorExit", SQUARES, fails("runtime_error")),
    Case("own BaseException", "class E(BaseException): pass\ndef f(x): raise E", SQUARES_ASSERTED, fails("runtime_error")),
    Case("exception with a hostile text", "class E(Exception):\n    def __str__(s): raise E\ndef f(x): raise E", SQUARES, fails("runtime_error")),
    Case("raises AssertionError", "def f(x): raise AssertionError", asserts("try:\n    assert f(3) == 9\nexcept TypeError:\n    pass"), fails()),
    Case("patched json", "import json\njson.dumps = lambda *a, **k: '[\"ok\", 9]'\njson.loads = lambda *a, **k: 0\ndef f(x): return 0", SQUARES, fails()),
    Case("patched builtins", "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.len = lambda *a: 1\nbuiltins.all = builtins.any = lambda *a: True\ndef f(x): return 0", SQUARES, fails()),
    Case("patched os", "import os\nos.write = os.read = lambda *a: 0\nos._exit = lambda *a: None\ndef f(x): return 0", SQUARES_ASSERTED, fails()),
    Case("patched encoder", "import sys, gc\nfor o in gc.get_objects():\n    if type(o).__name__ == 'function' and o.__name__ in ('encode', '_case', 'answer'):\n        o.__code__ = (lambda *a, **k: ['ok', True]).__code__\ndef f(x): return 0", SQUARES, fails()),
    Case("mutated arguments", "def f(xs):\n    xs.clear(); return 0", asserts("xs = [1, 2]\nassert f(xs) == sum(xs)"), fails("wrong_answer")),
    Case("candidate raises what the test catches", "def f(x): raise StopIteration", asserts("assert [f(v) for v in (1, 2)] == [1, 4]"), fails()),
    Case("answer to another test", "print(9)", SQUARES_READ, fails("wrong_answer")),
    Case("echoes its input", "import sys\nsys.stdout.write(sys.stdin.read())", SQUARES_READ, fails("wrong_answer")),
    Case("infinite or not a number", "def f(x): return float('nan')", SQUARES, fails("wrong_answer")),
    Case("true for one", "print('1.0')", stdin(("", "1\n")), fails("wrong_answer")),
    Case("leading zeros", "print('0010')", stdin(("", "10\n")), fails("wrong_answer")),
    Case("redefines check", "def check(candidate): pass\ndef f(x): return 0", SQUARES_ASSERTED, fails("wrong_answer")),
    Case("no such function", "def g(x): return x * x", SQUARES, fails("missing_entry_point")),
    Case("function is a number", "f = 9", SQUARES_ASSERTED, fails("missing_entry_point")),
    Case("null byte", "def f(x): return x\0", SQUARES, fails("syntax_error")),
    Case("surrogate", "def f(x): return '\ud800'", SQUARES, fails()),
    Case("endless parentheses", "(" * 100_000 + ")" * 100_000, SQUARES, fails("syntax_error")),
    Case("endless minus", "def f(x): return " + "-" * 100_000 + "1", SQUARES, fails()),
    Case("empty", "", SQUARES_READ, fails("no_output")),
    Case("number that cannot be compared", "from decimal import Decimal\ndef f(x): return [Decimal('sNaN')]", function(([3], [9])), fails("wrong_answer")),
    Case("frame of garbage, stdin", "import os\nos.write(3, b'\\0\\0\\0\\7garbage')\nprint(0)", SQUARES_READ, fails()),
    Case("frame of a number, stdin", FORGED + "os.write(3, frame(7))\nprint(0)", SQUARES_READ, fails()),
    Case("error of a huge integer", FORGED + "os.write(3, frame(['error', 'X', {'int': '0x' + 'f' * 100000}]))\nos._exit(1)", SQUARES, fails()),
    Case("slow fraction", FORGED + "def f(x):\n    n = {'int': '0x' + 'fedcba987' * 10 ** 6}\n    os.write(3, frame(['ok', {'fraction': [n, n]}]))\n    os._exit(0)", SQUARES, fails()),
    Case("half-closed line", FORGED + "import socket, time\nos.write(3, frame(['ready']))\nsocket.socket(fileno=3).shutdown(socket.SHUT_WR)\nos._exit(0)", function((["x" * 900_000], 9), (["y" * 900_000], 9)), fails()),
    Case("hangs where an exception is expected", "def f(x):\n    while True: pass", RAISES, fails("cpu_timeout"), 0.4),
    Case("exits where an exception is expected", "import os\ndef f(x): os._exit(0)", RAISES, fails("no_output")),
    Case("runs out of memory where an exception is expected", "def f(x): return bytearray(20 << 30)", RAISES, fails("memory")),
    Case("ends the loop of the test", "def f(x): raise StopIteration", asserts("for got, wanted in zip(map(f, [1, 2]), [1, 4]):\n    assert got == wanted"), fails("runtime_error")),
    Case("ends the loop of the test by a subclass", "class E(StopIteration): pass\ndef f(x): raise E", asserts("for got, wanted in zip(map(f, [1, 2]), [1, 4]):\n    assert got == wanted"), fails("runtime_error")),
    Case("nothing is close to a number", "def f(x): return []", asserts(ALL_CLOSE + "assertion(f(3), 9.0, 0)"), fails("wrong_answer"), 5.0),
    Case("a number is close to nothing", "def f(x): return 5.0", asserts(ALL_CLOSE + "assertion(f(3), [], 0)"), fails("wrong_answer"), 5.0),
    Case("far below the root", "def f(c): return -1e9", asserts("def check(candidate):\n    for inp in [[[1, 1]]]:\n        assert _poly(*candidate(*inp), inp) <= 0.0001\ndef _poly(xs, x): return sum(c * x ** i for i, c in enumerate(xs))"), fails("wrong_answer")),
    Case("key error of a huge integer", "def f(x): return 1 << (1 << 20)", asserts("assert {9: 1}[f(3)]"), fails("wrong_answer")),
    Case("claims to be its own sum", "class C:\n    def __sub__(s, o): return 0\n    def __rsub__(s, o): return 0\n    __add__ = __mul__ = __sub__\ndef f(x): return C()", asserts("assert abs(9 - f(3)) < 1e-6"), fails("wrong_answer")),
    Case("singleton class", "class P:\n    def __new__(c, *a): return ONE\n    def __eq__(s, o): return True\nONE = object.__new__(P)\ndef f(p): return ONE", asserts("assert f(P(1)) == P(2)"), fails("wrong_answer")),
]  # fmt: skip
