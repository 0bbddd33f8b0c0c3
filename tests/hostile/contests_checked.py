"""Solutions to the contest problems whose stored outputs no right program need give, each with a check of its answers.

Number 11 is a dialogue: the stored outputs are what one program asked of a judge that was not there, up to its own
choice of questions, and one is what a judge answered. Number 13 takes any of many colourings; the stored ones come
from several programs (most say "Yes", one "YES") and some belong to inputs that are no tree or have one colour.
So each runs inside a judge of its own, which says what came of it in a word that the stored output or the problem
settles.
"""

SOLUTIONS = {}
JUDGES = {}


def judged(number: int, solution: str | None = None) -> str:
    """A program that reads an input for the judge of problem `number` and prints its finding on the solution."""
    return f"SOLUTION = {SOLUTIONS[number] if solution is None else solution!r}\n{JUDGES[number]}"


SOLUTIONS[11] = """
import random

n, total = map(int, input().split())
share = total // n
intervals = [None] * (n + 1)

def ask(i, x):
    print("?", i, x, flush=True)
    return int(input())

def first_reaching(i, goal, low, high):
    # f(low) < goal <= f(high)
    while high - low > 1:
        middle = (low + high) // 2
        if ask(i, middle) >= goal:
            high = middle
        else:
            low = middle
    return high

def split(group, goal, low, high):
    # A point x and half of the group, those with f(x) >= goal; the others have f(x) <= goal.
    half, sure, open_ = len(group) // 2, [], list(group)
    while True:
        pivot = random.choice(open_)
        x = first_reaching(pivot, goal, low, high)
        value = {i: ask(i, x) for i in open_}
        above = [i for i in open_ if value[i] > goal]
        equal = [i for i in open_ if value[i] == goal]
        if len(sure) + len(above) > half:
            high = x
            open_ = above + [i for i in equal if i != pivot]
        elif len(sure) + len(above) + len(equal) < half:
            low = x
            sure += above + equal
            open_ = [i for i in open_ if value[i] < goal]
        else:
            return x, (sure + above + equal)[:half]

work = [(list(range(1, n + 1)), 0, 0, 10**18)]
while work:
    group, shares, low, high = work.pop()
    if len(group) == 1:
        intervals[group[0]] = (low, high)
        continue
    half = len(group) // 2
    x, first = split(group, (shares + half) * share, low, high)
    rest = set(group) - set(first)
    work.append((first, shares, low, x))
    work.append((sorted(rest), shares + half, x, high))
print("!")
for interval in intervals[1:]:
    print(*interval)
"""

# Input: n, L, a seed and the most digits of a point where a function steps up (few: steep and alike functions).
JUDGES[11] = """
import random
from bisect import bisect_left

n, total, seed, digits = map(int, input().split())
draw = random.Random(seed)
if digits:
    steps = [sorted(draw.sample(range(10**digits), total)) for _ in range(n)]
else:
    steps = [list(range(total))] * n
answers, said, asked = [f"{n} {total}"], [], 0

def tell(*words, flush=False):
    global asked
    if words[0] == "?":
        asked += 1
        _, i, x = words
        assert 1 <= i <= n and 0 <= x <= 10**18
        answers.append(str(bisect_left(steps[i - 1], x)))
    elif words != ("!",):
        said.append(words)

exec(SOLUTION, {"input": lambda: answers.pop(0), "print": tell})
right = asked <= 200000 and len(said) == n and all(0 <= low <= high <= 10**18 for low, high in said)
for (low, high), points in zip(said, steps):
    right = right and bisect_left(points, high) - bisect_left(points, low) >= total // n
ends = sorted(said)
right = right and all(before[1] <= after[0] for before, after in zip(ends, ends[1:]))
print("won" if right else "lost")
"""

SOLUTIONS[13] = """
import sys

data = list(map(int, sys.stdin.read().split()))
n, k = data[:2]
near = [[] for _ in range(n + 1)]
for v, u in zip(data[2::2], data[3::2]):
    near[v].append(u)
    near[u].append(v)

def spread(start):
    parent, order = {start: 0}, [start]
    for v in order:
        for w in near[v]:
            if w != parent[v]:
                parent[w] = v
                order.append(w)
    return parent, order

def colouring():
    parent, order = spread(spread(1)[1][-1])
    trunk = [order[-1]]
    while parent[trunk[-1]]:
        trunk.append(parent[trunk[-1]])
    on_trunk, last = set(trunk), len(trunk) - 1
    colour = [0] * (n + 1)
    for i, v in enumerate(trunk):
        # What hangs off the longest path at v, by levels.
        levels, came = [[v]], {v: 0}
        while levels[-1]:
            following = []
            for w in levels[-1]:
                for u in near[w]:
                    if u != came[w] and u not in on_trunk:
                        came[u] = w
                        following.append(u)
            levels.append(following)
        depth = len(levels) - 2
        from_left, from_right = i + depth + 1 >= k, last - i + depth + 1 >= k
        if depth and k > 2 and from_left and from_right:
            return None
        for d, level in enumerate(levels):
            for w in level:
                colour[w] = (i + d if from_left else i - d) % k + 1
    return colour[1:]

answer = colouring()
print("Yes" if answer else "No")
if answer:
    print(*answer)
"""

# Input: one of the problem's.
JUDGES[13] = """
import io
import sys

given = sys.stdin.read()
data = list(map(int, given.split()))
(n, k), edges = data[:2], list(zip(data[2::2], data[3::2]))
near = {v: [] for v in range(1, n + 1)}
for v, u in edges:
    near[v].append(u)
    near[u].append(v)
sys.stdin, sys.stdout, screen = io.StringIO(given), io.StringIO(), sys.stdout
exec(SOLUTION, {})
said, sys.stdout = sys.stdout.getvalue().split(), screen
verdict = said[0].lower()
if verdict == "yes":
    colour = [0, *map(int, said[1:])]
    assert len(colour) == n + 1 and all(1 <= c <= k for c in colour[1:])
    paths = [(v,) for v in near]
    for _ in range(k - 1):
        paths = [(*path, v) for path in paths for v in near[path[-1]] if v not in path]
    if any(len({colour[v] for v in path}) < k for path in paths):
        verdict = "badly coloured"
print(verdict)
"""


def is_tree_with_colours(given: str) -> bool:
    """Whether an input of problem 13 keeps to the problem's rules."""
    n, k, *ends = map(int, given.split())
    edges = list(zip(ends[::2], ends[1::2], strict=True))
    group = {v: {v} for v in range(1, n + 1)}
    for u, v in edges:
        if u not in group or v not in group or group[u] is group[v]:
            return False
        group[u] |= group[v]
        for w in group[v]:
            group[w] = group[u]
    return 2 <= k <= n and len(edges) == n - 1
