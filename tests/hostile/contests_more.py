"""The second half of the solutions to the contest problems; see `tests.hostile.contests`."""

SOLUTIONS = {}

SOLUTIONS[10] = """
n = int(input())
a = list(map(int, input().split()))
left, right, last, taken = 0, n - 1, 0, []

def run(i, step, end):
    count = 1
    while i != end and a[i + step] > a[i]:
        i, count = i + step, count + 1
    return count

while left <= right and max(a[left], a[right]) > last:
    l, r = a[left], a[right]
    if l == r:
        # Whoever takes one end can never take the other.
        by_left, by_right = run(left, 1, right), run(right, -1, left)
        taken.append("R" * by_right if by_right >= by_left else "L" * by_left)
        break
    if last < l and (l < r or r <= last):
        taken.append("L")
        last, left = l, left + 1
    else:
        taken.append("R")
        last, right = r, right - 1
answer = "".join(taken)
print(len(answer))
print(answer)
"""

SOLUTIONS[12] = """
from collections import Counter

data = list(map(int, open(0).read().split()))
n, bits = data[0], data[1] * 8
counts = [count for _, count in sorted(Counter(data[2 : 2 + n]).items())]
kinds = min(len(counts), 1 << min(bits // n, 20))
kept = best = sum(counts[:kinds])
for i in range(kinds, len(counts)):
    kept += counts[i] - counts[i - kinds]
    best = max(best, kept)
print(n - best)
"""

SOLUTIONS[14] = """
import sys

read = sys.stdin.readline
for _ in range(int(read())):
    n, push = map(int, read().split())
    hits = 0
    for x in sorted(set(map(int, read().split())), reverse=True):
        if x - hits * push <= 0:
            break
        hits += 1
    print(hits)
"""

SOLUTIONS[15] = """
n, m, d = map(int, input().split())
lengths = list(map(int, input().split()))
water = n - sum(lengths)
river = []
for i, length in enumerate(lengths, 1):
    gap = min(d - 1, water)
    water -= gap
    river += [0] * gap + [i] * length
if water > d - 1:
    print("NO")
else:
    print("YES")
    print(*river, *[0] * water)
"""

SOLUTIONS[16] = """
t1, t2, x1, x2, t0 = map(int, input().split())
cold, hot = t0 - t1, t2 - t0
if cold == hot == 0:
    print(x1, x2)
elif cold == 0:
    print(x1, 0)
elif hot == 0:
    print(0, x2)
else:
    # Beyond t0 by (hot * y2 - cold * y1) / (y1 + y2); of equal ones the first found here has the most water.
    best = (hot * x2, x2, 0, x2)
    for y1 in range(x1, 0, -1):
        y2 = -(-cold * y1 // hot)
        if y2 <= x2:
            over, flow = hot * y2 - cold * y1, y1 + y2
            if over * best[1] < best[0] * flow or over * best[1] == best[0] * flow and flow > best[1]:
                best = (over, flow, y1, y2)
    print(*best[2:])
"""

SOLUTIONS[17] = """
number, answer = input(), input()
digits = sorted(number)
if number != "0":
    first = next(i for i, digit in enumerate(digits) if digit != "0")
    digits[0], digits[first] = digits[first], digits[0]
print("OK" if "".join(digits) == answer else "WRONG_ANSWER")
"""

SOLUTIONS[18] = """
n = int(input())
a = list(map(int, input().split()))

def pairs(values, least):
    count, j = 0, n - 1
    for i in range(n):
        while j >= 0 and values[i] + values[j] >= least:
            j -= 1
        count += n - 1 - max(i, j)
    return count

result = 0
for b in range(25):
    half = 1 << b
    values = sorted(x & (2 * half - 1) for x in a)
    if (pairs(values, half) - pairs(values, 2 * half) + pairs(values, 3 * half)) & 1:
        result |= half
print(result)
"""

SOLUTIONS[19] = """
import sys

read = sys.stdin.readline
for _ in range(int(read())):
    a, b, q = map(int, read().split())
    differ = [0]
    for x in range(a * b):
        differ.append(differ[-1] + (x % a % b != x % b % a))
    up_to = lambda n: (n + 1) // (a * b) * differ[-1] + differ[(n + 1) % (a * b)]
    queries = [tuple(map(int, read().split())) for _ in range(q)]
    print(*(up_to(r) - up_to(l - 1) for l, r in queries))
"""
