"""A report as a list of blocks, written as Markdown with SVG files and as one HTML file."""

import html
import os

STYLE = ("body{font-family:sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}"
         "table{border-collapse:collapse;margin:1em 0;font-size:90%}"
         "td,th{border:1px solid #ccc;padding:2px 8px;text-align:right}"
         "td:first-child,th:first-child{text-align:left}")


class Document:
    """Collects blocks in order."""

    def __init__(self, title):
        self.title = title
        self.blocks = []

    def heading(self, text):
        self.blocks.append(("heading", text))

    def paragraph(self, text):
        self.blocks.append(("paragraph", text))

    def table(self, header, rows):
        self.blocks.append(("table", header, rows))

    def figure(self, name, svg):
        self.blocks.append(("figure", name, svg))

    def markdown(self):
        lines = [f"# {self.title}", ""]
        for kind, *content in self.blocks:
            if kind == "heading":
                lines += [f"## {content[0]}", ""]
            elif kind == "paragraph":
                lines += [content[0], ""]
            elif kind == "figure":
                lines += [f"![{content[0]}]({content[0]}.svg)", ""]
            else:
                header, rows = content
                lines.append("| " + " | ".join(header) + " |")
                lines.append("|---" + "|---:" * (len(header) - 1) + "|")
                lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
        return "\n".join(lines)

    def html(self):
        parts = [f"<!doctype html><meta charset='utf-8'><title>{html.escape(self.title)}</title>"
                 f"<style>{STYLE}</style><h1>{html.escape(self.title)}</h1>"]
        for kind, *content in self.blocks:
            if kind == "heading":
                parts.append(f"<h2>{html.escape(content[0])}</h2>")
            elif kind == "paragraph":
                parts.append(f"<p>{html.escape(content[0])}</p>")
            elif kind == "figure":
                parts.append(content[1])
            else:
                parts.append(self.html_table(*content))
        return "\n".join(parts) + "\n"

    @staticmethod
    def html_table(header, rows):
        def cells(row, tag):
            return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
        return f"<table><tr>{cells(header, 'th')}</tr>{body}</table>"

    def write(self, folder):
        """Writes report.md, report.html and the figures."""
        for kind, *content in self.blocks:
            if kind == "figure":
                with open(os.path.join(folder, content[0] + ".svg"), "w",
                          encoding="utf-8") as file:
                    file.write(content[1])
        for name, text in (("report.md", self.markdown()), ("report.html", self.html())):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
