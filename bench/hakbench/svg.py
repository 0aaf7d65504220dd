"""Two kinds of plot as SVG text: points on a row per case, and lines over a growing number."""

import html
import math

COLOURS = ["#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f",
           "#bcbd22", "#e377c2"]
FONT = 'font-family="sans-serif" font-size="12"'
ROW, LEFT, WIDTH, TOP = 20, 190, 620, 46


def text(x, y, content, anchor="start", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>'
            f"{html.escape(str(content))}</text>")


def line(x1, y1, x2, y2, colour="#dddddd", width=1.0):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>')


def circle(x, y, colour, title):
    return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}" fill-opacity="0.85">'
            f"<title>{html.escape(title)}</title></circle>")


def page(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" {FONT}>\n'
            f'<rect width="{width}" height="{height}" fill="white"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def legend(names, top):
    parts, x = [], 12.0
    for index, name in enumerate(names):
        parts.append(circle(x, top, COLOURS[index % len(COLOURS)], name))
        parts.append(text(x + 9, top + 4, name))
        x += 26 + 7.5 * len(name)
    return parts


def ratio_ticks(low, high):
    ticks = [0.1, 0.2, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 50]
    return [tick for tick in ticks if low <= tick <= high]


def ratio_plot(title, names, rows):
    """Rows are (label, {name: ratio}); the axis is logarithmic, so twice and half look alike."""
    values = [value for _, cells in rows for value in cells.values()]
    low = min(values + [0.75]) / 1.1
    high = max(values + [1.5]) * 1.1
    span = math.log(high / low)

    def x_of(value):
        return LEFT + WIDTH * math.log(value / low) / span

    bottom = TOP + ROW * len(rows)
    parts = [text(12, 18, title, extra='font-weight="bold"'), *legend(names, 34)]
    for tick in ratio_ticks(low, high):
        parts.append(line(x_of(tick), TOP, x_of(tick), bottom,
                          "#555555" if tick == 1 else "#dddddd"))
        parts.append(text(x_of(tick), bottom + 15, f"{tick:g}", "middle"))
    for index, (label, cells) in enumerate(rows):
        y = TOP + ROW * (index + 0.5)
        parts.append(text(LEFT - 10, y + 4, label, "end"))
        parts.append(line(LEFT, y, LEFT + WIDTH, y, "#eeeeee"))
        for name, value in cells.items():
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(circle(x_of(value), y, colour, f"{name}: {value:.2f}"))
    return page(LEFT + WIDTH + 20, bottom + 26, parts)


def line_plot(title, x_title, y_title, series):
    """Series are {name: [(x, y), ...]}; both axes are logarithmic and begin at the data."""
    points = [point for values in series.values() for point in values]
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    y_low, y_high = min(y for _, y in points) / 1.1, max(y for _, y in points) * 1.1
    left, width, height = 70, 520, 280

    def x_of(value):
        return left + (width * math.log(value / x_low) / math.log(x_high / x_low)
                       if x_high > x_low else width / 2)

    def y_of(value):
        return TOP + height * (1 - math.log(value / y_low) / math.log(y_high / y_low))

    parts = [text(12, 18, title, extra='font-weight="bold"'), *legend(list(series), 34)]
    for x in sorted({x for x, _ in points}):
        parts.append(line(x_of(x), TOP, x_of(x), TOP + height))
        parts.append(text(x_of(x), TOP + height + 16, f"{x:g}", "middle"))
    for step in range(5):
        y = y_low * (y_high / y_low) ** (step / 4)
        parts.append(line(left, y_of(y), left + width, y_of(y)))
        parts.append(text(left - 6, y_of(y) + 4, f"{y:.3g}", "end"))
    for index, (name, values) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        for first, second in zip(values, values[1:]):
            parts.append(line(x_of(first[0]), y_of(first[1]), x_of(second[0]), y_of(second[1]),
                              colour, 2))
        parts += [circle(x_of(x), y_of(y), colour, f"{name}: {y:.4g}") for x, y in values]
    parts.append(text(left + width / 2, TOP + height + 36, f"{x_title}; {y_title}", "middle"))
    return page(left + width + 30, TOP + height + 46, parts)
