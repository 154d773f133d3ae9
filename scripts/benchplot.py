# SPDX-License-Identifier: BSD-2-Clause
"""Draw cost against a number, of threads most often, as SVG."""
import html
import math
import statistics

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 420, 70, 40, 190, 45
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b",
           "#17becf", "#7f7f7f", "#bcbd22", "#e377c2")


class Axes:
    """Logarithmic both ways: threads to the right, ns upwards."""

    def __init__(self, threads, costs, what):
        self.what = what
        self.threads = sorted(set(threads))
        self.low = math.floor(math.log10(min(costs)))
        self.high = max(math.ceil(math.log10(max(costs))), self.low + 1)

    def x(self, threads):
        first, last = (math.log2(t) for t in
                       (self.threads[0], self.threads[-1]))
        share = (math.log2(threads) - first) / (last - first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, cost):
        share = (math.log10(cost) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def lines(self):
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        for power in range(self.low, self.high + 1):
            y = self.y(10 ** power)
            yield (f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                   f'{10 ** power:g}</text>')
        for t in self.threads:
            x = self.x(t)
            yield (f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#ddd"/>'
                   f'<text x="{x:.1f}" y="{bottom + 18}" '
                   f'text-anchor="middle">{t}</text>')
        yield (f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" '
               f'text-anchor="middle">{self.what}</text>'
               f'<text x="{LEFT}" y="{TOP - 8}" text-anchor="end">ns</text>')


def series(axes, number, module, points):
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{axes.x(t):.1f},{axes.y(c):.1f}" for t, c in points)
    yield (f'<polyline points="{path}" fill="none" stroke="{colour}" '
           f'stroke-width="2"/>')
    for t, c in points:
        yield (f'<circle cx="{axes.x(t):.1f}" cy="{axes.y(c):.1f}" r="3" '
               f'fill="{colour}"><title>{html.escape(module)}, {t} {axes.what}: '
               f'{c:.4g} ns</title></circle>')
    y = TOP + 16 * number + 8
    yield (f'<text x="{WIDTH - RIGHT + 12}" y="{y}" fill="{colour}">'
           f'{html.escape(module)}</text>')


def picture(title, lines, what="threads",
            how="time of all threads by the operations of all"):
    """lines: {module: [(threads, ns)]}"""
    points = [p for line in lines.values() for p in line]
    axes = Axes([t for t, _ in points], [c for _, c in points], what)
    body = list(axes.lines())
    for number, (module, line) in enumerate(sorted(lines.items())):
        body += series(axes, number, module, sorted(line))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{HEIGHT}" font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="white"/>'
            f'<text x="{WIDTH / 2}" y="18" text-anchor="middle" '
            f'font-size="15">{html.escape(title)}: {how}</text>'
            + "\n".join(body) + "</svg>\n")


def write(results, out):
    """Returns how many pictures there are now in out."""
    charts = {}
    for (module, operation, arg, threads), one in results.items():
        cost = statistics.median(one["real"])
        if cost > 0:
            charts.setdefault((operation, arg), {}).setdefault(
                module, []).append((threads, cost))
    for old in out.glob("*.svg"):
        old.unlink()
    count = 0
    for (operation, arg), lines in sorted(charts.items()):
        if len({t for line in lines.values() for t, _ in line}) < 2:
            continue
        title = operation + (f", {arg}" if arg else "")
        name = operation + (f"-{arg}" if arg else "")
        (out / f"{name}.svg").write_text(picture(title, lines))
        count += 1
    return count
