#!/usr/bin/env python3
"""Makes known.csv, and known-all.csv and known-365d.csv with its answers.

The answers are counted here from the definitions, in exact fractions and
decimals of 50 digits, with nothing of the program's. T is 30 Esfand 1403, the
leap day, 00:00:00Z; the policy changes in the middle, on 2025-02-01.
"""
import csv, random
from datetime import date, timedelta
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 50
T, CHANGE, Z = date(2025, 3, 20), date(2025, 2, 1), Decimal("1.959963984540054")
rows = []  # id, business, served, answered or None


def add(business, *complaints):
    for served, delay in complaints:
        answered = None if delay is None else served + timedelta(delay)
        rows.append((str(len(rows)), business, served, answered))


day = lambda n: T - timedelta(n)
rnd = random.Random(1403)
add("ties", *[(day(100 + i % 3), d) for i, d in enumerate([2, 2, 2, 4, 4, 4, 4, 9, 9, None, None])])
add("all pending", *[(day(n), None) for n in (0, 1, 2, 3)])
add("one", (day(40), 5))
add("median never reached", *[(day(60), d) for d in (1, 3, None, None, None, None)])
add("served after", (T + timedelta(1), None), (T + timedelta(3), 1))
add("29 and 30 Esfand", (date(2024, 3, 19), 1), (date(2024, 3, 20), None), (date(2025, 3, 19), None), (date(2025, 3, 20), 0), (date(2025, 3, 20), None))
add("policy change", *[(CHANGE + timedelta(n), d) for n in (-5, -1, 0, 1) for d in (3, 4, 5, 6, 7, None)])
add("year's edge", (T - timedelta(365), 2), (T - timedelta(364), 2), (T - timedelta(366), None))
add("answered after T", (day(10), 9), (day(10), 10), (day(10), 11))
for n in range(8):
    add("random %d" % n, *[(day(rnd.randrange(0, 800)), rnd.choice([None, rnd.randrange(0, 15), rnd.randrange(0, 200)])) for _ in range(rnd.randrange(1, 90))])

# A join made three rows of some complaints; the order is none.
joined = rows + [r for r in rows for _ in range(2) if int(r[0]) % 5 == 0]
rnd.shuffle(joined)
with open("known.csv", "w", newline="") as f:
    w = csv.writer(f, lineterminator="\n")
    w.writerow(["id", "business", "served", "answered"])
    for i, b, s, a in joined:
        w.writerow([i, b, s, a or ""])


def text(x):
    if x is None:
        return ""
    if isinstance(x, Fraction):
        x = Decimal(x.numerator) / Decimal(x.denominator)
    s = format(Decimal(x).quantize(Decimal("1e-9")), "f")
    return s.rstrip("0").rstrip(".") if "." in s else s


def windows(served):
    return (4, 4) if served < CHANGE else (3, 6)  # the first, and all of them


def card(business, complaints, rolling):
    seen = [(s, a if a and a <= T else None, *windows(s)) for s, a in complaints if s <= T]
    unanswered = sum(1 for s, a, w, all in seen if not a and (T - s).days > all)
    rows = [c for c in seen if rolling is None or (T - c[0]).days < rolling]
    delays = sorted((a - s).days for s, a, w, all in rows if a)
    matured = [c for c in rows if c[0] + timedelta(c[2]) <= T]
    k = sum(1 for s, a, w, all in matured if a and (a - s).days <= w)
    n = len(matured)
    share = low = high = None
    if n:
        share, zz = Fraction(k, n), Z * Z
        p = Decimal(k) / n
        half = Z * (p * (1 - p) / n + zz / (4 * n * n)).sqrt()
        low, high = max((p + zz / (2 * n) - half) / (1 + zz / n), 0), min((p + zz / (2 * n) + half) / (1 + zz / n), 1)

    def rank(tenths):
        return delays[-(-tenths * len(delays) // 10) - 1] if delays else None

    def km(level):
        watched = [((a or T) - s).days for s, a, w, all in rows]
        s = Fraction(1)
        for t in sorted(set(delays)):
            s *= 1 - Fraction(delays.count(t), sum(1 for x in watched if x >= t))
            if s <= level:
                return t
        return None

    return [
        business, len(rows), len(delays), sum(1 for s, a, w, all in rows if not a and (T - s).days <= all), unanswered,
        n, k, text(share), text(low), text(high), sum(1 for s, a, w, all in rows if a and (a - s).days <= w),
        text(Fraction(sum(delays), len(delays)) if delays else None), text(rank(5)), text(rank(9)), text(delays[-1] if delays else None),
        text(km(Fraction(1, 2))), text(km(Fraction(1, 10))),
    ]


for name, rolling in (("all", None), ("365d", 365)):
    with open("known-%s.csv" % name, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow("business,received,answered,pending,unanswered,matured,matured_on_time,share_on_time,wilson_low,wilson_high,on_time,mean_days,p50_days,p90_days,max_days,km_p50_days,km_p90_days".split(","))
        by = {}
        for i, b, s, a in rows:
            by.setdefault(b, []).append((s, a))
        for b in sorted(by):
            w.writerow(card(b, by[b], rolling))
