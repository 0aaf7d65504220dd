"""The status page: one HTML file without anything from elsewhere, for light and dark."""

import html

STYLE = """
:root { color-scheme: light dark; --ink: #1b1d21; --paper: #ffffff; --soft: #5c6370; --line: #d9dce1;
  --panel: #f5f6f8; --good: #1a7f37; --bad: #b42318; --bar: #3b6fb6; --bar2: #b9772d; --bar3: #5a9a5a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --paper: #15171b; --soft: #9aa1ad;
  --line: #343840; --panel: #1e2127; --good: #57c26f; --bad: #ff8076; --bar: #7aa7e6; --bar2: #e0a860;
  --bar3: #86c486; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; } h2 { margin: 0 0 .2rem; font-size: 1.15rem; }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1rem; margin: .6rem 0 1.2rem; }
a { color: var(--bar); } code { font-size: .92em; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
.made { color: var(--soft); font-size: .85rem; margin: 0 0 .7rem; }
.figures { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0 0 .8rem; }
.figure { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .4rem .8rem; }
.figure b { display: block; font-size: 1.15rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.figure span { color: var(--soft); font-size: .8rem; }
.missing { color: var(--bad); margin: 0; } .good { color: var(--good); } .bad { color: var(--bad); }
.wide { overflow-x: auto; max-height: 28rem; overflow-y: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { position: sticky; top: 0; background: var(--panel); }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--soft); }
svg { max-width: 100%; height: auto; display: block; margin: .4rem 0 1rem; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .value { fill: var(--soft); }
"""
BARS = ("var(--bar)", "var(--bar2)", "var(--bar3)")
ROW, LEFT, WIDTH = 20, 190, 560


def escape(text) -> str:
    return html.escape(str(text))


def plot(title: str, unit: str, rows: dict) -> str:
    """Horizontal bars from zero, one group per row."""
    longest = max((value for series in rows.values() for value in series.values()), default=0)
    if longest <= 0:
        return ""
    names = list(dict.fromkeys(name for series in rows.values() for name in series))
    parts, y = [], 24
    for label, series in rows.items():
        parts.append(f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(label)}</text>')
        for name, value in series.items():
            bar = max(1.0, value / longest * (WIDTH - 60))
            colour = BARS[names.index(name) % len(BARS)]
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{bar:.1f}" height="{ROW - 6}" style="fill: {colour}"/>'
                         f'<text class="value" x="{LEFT + bar + 6:.1f}" y="{y + 11}">{value:.3g}{escape(unit)} '
                         f'{escape(name)}</text>')
            y += ROW - 3
        y += 6
    return (f'<svg role="img" viewBox="0 0 {LEFT + WIDTH + 60} {y + 4}" width="{LEFT + WIDTH + 60}">'
            f'<title>{escape(title)}</title><text x="0" y="14">{escape(title)}</text>{"".join(parts)}</svg>')


def table(section) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in section.headers)
    body = "".join("<tr>" + "".join(f'<td class="{state}">{escape(text)}</td>' if state else f"<td>{escape(text)}</td>"
                                    for text, state in row) + "</tr>\n" for row in section.rows)
    return (f"<details{' open' if len(section.rows) <= 14 else ''}><summary>{len(section.rows)} rows</summary>"
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div></details>\n')


def part(section) -> str:
    out = f'<section id="{section.name}" data-state="{"missing" if section.missing else "there"}">\n'
    out += f"<h2>{escape(section.title)}</h2>\n"
    if section.missing:
        return out + (f'<p class="missing">Missing: {escape(section.missing)}. '
                      f"<code>{escape(section.command)}</code> makes it.</p>\n</section>\n")
    out += (f'<p class="made">from <code>{escape(section.source)}</code>, made by '
            f"<code>{escape(section.command)}</code>, {escape(section.date)}</p>\n")
    if section.note:
        out += f"<p>{escape(section.note)}</p>\n"
    out += '<div class="figures">' + "".join(
        f'<div class="figure"><b data-figure="{escape(name)}">{escape(value)}</b><span>{escape(label)}</span></div>'
        for name, (label, value) in section.figures.items()) + "</div>\n"
    out += "".join(plot(*entry) for entry in section.plots)
    if section.rows:
        out += table(section)
    return out + "</section>\n"


def render(sections, revision: str, date: str) -> str:
    links = "".join(f'<a href="#{section.name}">{escape(section.title)}</a>' for section in sections)
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            f"<title>hakmem: status</title><style>{STYLE}</style></head><body>\n"
            f"<h1>hakmem: status</h1>\n<p class=\"made\">revision <code data-figure=\"tree\">{escape(revision)}</code>, "
            f"page made by <code>make report</code>, {escape(date)}</p>\n<nav>{links}</nav>\n"
            + "".join(part(section) for section in sections) + "</body></html>\n")
