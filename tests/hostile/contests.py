"""Solutions to the contest problems, by their number in the sample, whose stored outputs they give token by token.

Where a problem takes any of several answers, the solution breaks ties as the stored outputs do. Some stored inputs
break their problem's own rules (an unknown word, a position outside the matrix); what is done with those is what the
stored outputs show. Number 8 takes time quadratic in the park and is meant for the sample's few cells.
"""

SOLUTIONS = {}

SOLUTIONS[0] = """
import sys
from itertools import accumulate

words = iter(sys.stdin.read().split())
TOP = 10**9
for _ in range(int(next(words))):
    k = int(next(words))
    change = {1: 0}
    for _ in range(k):
        sign, bound, yes = next(words), int(next(words)), next(words) == "Yes"
        if sign == "<":
            true = [(1, bound - 1)] if yes else [(bound, TOP)]
        elif sign == ">":
            true = [(bound + 1, TOP)] if yes else [(1, bound)]
        else:
            true = [(bound, bound)] if yes else [(1, bound - 1), (bound + 1, TOP)]
        for low, high in true:
            if low <= high:
                change[low] = change.get(low, 0) + 1
                change[high + 1] = change.get(high + 1, 0) - 1
    print(k - max(accumulate(change[at] for at in sorted(change) if at <= TOP)))
"""

SOLUTIONS[1] = """
import sys
from collections import Counter

data = list(map(int, sys.stdin.read().split()))
n, m, p = data[:3]
raised = {}
for t in range(p):
    i, j = data[3 + 2 * t : 5 + 2 * t]
    raised.setdefault(i, Counter())[j] += 1
for i in range(1, n + 1):
    up = raised.get(i, {})
    stuck = any(j < m and up[j] > 1 + up.get(j + 1, 0) for j in up)
    print(-1 if stuck else m - 1 + up.get(m, 0) - up.get(1, 0))
"""

SOLUTIONS[2] = """
s = input().strip()
places = {}
for i, digit in enumerate(s):
    places.setdefault(digit, []).append(i)
jumps = {0: 0}
reached = [0]
for i in reached:
    for j in (i - 1, i + 1, *places.pop(s[i], ())):
        if 0 <= j < len(s) and j not in jumps:
            jumps[j] = jumps[i] + 1
            reached.append(j)
print(jumps[len(s) - 1])
"""

SOLUTIONS[3] = """
from collections import Counter

n = int(input())
old = Counter(input() for _ in range(n))
new = Counter(input() for _ in range(n))
print(sum((old - new).values()))
"""

SOLUTIONS[4] = """
import sys

def primes(n):
    d = 2
    while d * d <= n:
        if n % d == 0:
            yield d
            while n % d == 0:
                n //= d
        d += 1
    if n > 1:
        yield n

data = list(map(int, sys.stdin.read().split()))
pairs = list(zip(data[1::2], data[2::2]))
candidates = [p for number in min(pairs) for p in primes(number)]
print(next((p for p in candidates if all(a % p == 0 or b % p == 0 for a, b in pairs)), -1))
"""

SOLUTIONS[5] = """
import sys

words = iter(sys.stdin.read().split())
n = int(next(words))
stands = [1 - float(next(words)) for _ in range(n)]
near = [[] for _ in range(n)]
for _ in range(n - 1):
    u, v = int(next(words)), int(next(words))
    near[u].append(v)
    near[v].append(u)
parent = [-1] * n
order = [0]
for v in order:
    for w in near[v]:
        if w != parent[v]:
            parent[w] = v
            order.append(w)
# Kingdoms: the planets that stand less the wormholes with both ends standing.
below = [0.0] * n
for v in order[1:]:
    below[parent[v]] += stands[v]
kingdoms = sum(stands) - sum(stands[v] * below[v] for v in range(n))
for _ in range(int(next(words))):
    v, p = int(next(words)), float(next(words))
    change = 1 - p - stands[v]
    above = parent[v]
    kingdoms += change * (1 - below[v] - (stands[above] if above >= 0 else 0))
    stands[v] += change
    if above >= 0:
        below[above] += change
    print("%.5f" % kingdoms)
"""

SOLUTIONS[6] = """
from itertools import accumulate

MOD = 998244353
input()
array = list(map(int, input().split()))
allowed = lambda a: range(200) if a == -1 else (a - 1,)
# waits[x]: arrays that end in x + 1 and need a next element no less; fine[x]: those that do not.
waits, fine = [0] * 200, [0] * 200
for x in allowed(array[0]):
    waits[x] = 1
for a in array[1:]:
    before = [0, *accumulate(w + f for w, f in zip(waits, fine))]
    from_here = [*accumulate(reversed(fine))][::-1]
    held, waits, fine = waits, [0] * 200, [0] * 200
    for x in allowed(a):
        waits[x] = before[x] % MOD
        fine[x] = (held[x] + from_here[x]) % MOD
print(sum(fine) % MOD)
"""

SOLUTIONS[7] = """
import sys

data = iter(map(int, sys.stdin.read().split()))
n, m = next(data), next(data)
boxes = [{next(data) for _ in range(next(data))} for _ in range(n)]
size = [len(box) for box in boxes]
low, extra = divmod(sum(size), n)
order = sorted(range(n), key=lambda i: size[i])
target = [0] * n
for rank, i in enumerate(order):
    target[i] = low + (rank >= n - extra)
moves = []
takers = [i for i in order if size[i] < target[i]][::-1]
for giver in reversed(order):
    spare = size[giver] - target[giver]
    kinds = sorted(boxes[giver], reverse=True) if spare > 0 else []
    while spare > 0:
        taker, skipped = takers[-1], []
        while spare and size[taker] < target[taker]:
            kind = kinds.pop()
            if kind in boxes[taker]:
                skipped.append(kind)
                continue
            moves.append((giver + 1, taker + 1, kind))
            boxes[taker].add(kind)
            size[taker] += 1
            spare -= 1
        kinds += reversed(skipped)
        if size[taker] == target[taker]:
            takers.pop()
print(len(moves))
for move in moves:
    print(*move)
"""

SOLUTIONS[8] = """
import sys

data = list(map(int, sys.stdin.read().split()))
n, m = data[:2]
level = data[2 : 2 + n * m]
place = sorted(range(n * m), key=lambda i: level[i])
rank = {i: t for t, i in enumerate(place)}
near = []
for t, i in enumerate(place):
    row, column = divmod(i, m)
    around = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    near.append([rank[r * m + c] for r, c in around if 0 <= r < n and 0 <= c < m])
found = 0
for left in range(n * m):
    root = {}
    trees = 0
    for right in range(left, n * m):
        tops = []
        for t in near[right]:
            if left <= t < right:
                while root[t] != t:
                    root[t] = root[root[t]]
                    t = root[t]
                tops.append(t)
        if len(set(tops)) < len(tops):
            break
        root[right] = right
        for t in tops:
            root[t] = right
        trees += 1 - len(tops)
        found += trees == 1
print(found)
"""

SOLUTIONS[9] = """
import sys
from collections import Counter

MOD = 10**9 + 7
data = list(map(int, sys.stdin.read().split()))
n, k = data[:2]
root = list(range(n + 1))

def find(v):
    while root[v] != v:
        root[v] = root[root[v]]
        v = root[v]
    return v

for u, v, black in zip(data[2::3], data[3::3], data[4::3]):
    if not black:
        root[find(u)] = find(v)
red = Counter(find(v) for v in range(1, n + 1))
print((pow(n, k, MOD) - sum(pow(size, k, MOD) for size in red.values())) % MOD)
"""
