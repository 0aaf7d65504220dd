"""Where one token of a C++ source can be changed, and to what."""

import dataclasses
import re

# What is no code, or must stay: comments, literals, directives, declarations that only the compiler
# reads, and the hooks of seeded faults with the operator that joins them.
MASKED = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#[^\n]*(?:\\\n[^\n]*)*'
    r"|\bstatic_assert\(.*?\);|\bif \(HAK_SEEDED[^\n]*|\basm\b[^\n]*"
    r"|(?:&&|\|\||[-+^*])?\s*!?\(?!?HAK_SEEDED\(k\w+\)(?: \?| \*)?|\balignas\([^)]*\)|\btemplate <[^>]*>"
    r"|\boperator\S+|\[\[.*?\]\]",
    re.DOTALL | re.MULTILINE)

SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&",
    "+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&",
    "+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=",
}
BINARY = re.compile(r"(?<=[\w)\]}] )(<=|>=|==|!=|&&|\|\||<<|>>|\+=|-=|\|=|&=|[-+*/%&|^<>])(?= [\w(!~*&{-])")
STEP = re.compile(r"\+\+|--")
NOT = re.compile(r"(?<=[ (])!(?=[\w(])")
NUMBER = re.compile(r"(?<![\w.'])\d+(?![\w.'])")
TRUTH = re.compile(r"\b(true|false)\b")
CONDITION = re.compile(r"\b(?:if|while) \(")
STATEMENT = re.compile(r"^[ ]{2,}(?!return|const|using|case|default|else|break|continue|if|for|while|do|auto|void"
                       r"|static|extern|constexpr|friend|struct|class|enum|goto|namespace|typedef)"
                       r"(?:[\w:>.*+&\[\]-]+|\(\*?\w+\))(?:\([^;{}]*\)|\[[^;]*\]| [-+|&^]?= [^;{}]+|\+\+|--)*;$", re.MULTILINE)
DECLARATION = re.compile(r"^\s*[\w:<>,]+[*&]? +[*&]?\w+( = |;|\(|\[|\{)")


@dataclasses.dataclass(frozen=True)
class Site:
    file: str
    begin: int
    end: int
    new: str
    kind: str


def masked(text: str) -> str:
    return MASKED.sub(lambda match: re.sub(r"[^\n]", "\x01", match.group()), text)


def closing(code: str, opening: int) -> int:
    depth = 0
    for at in range(opening, len(code)):
        depth += (code[at] == "(") - (code[at] == ")")
        if depth == 0:
            return at
    return -1


def sites(file: str, text: str) -> list[Site]:
    code = masked(text)
    found = []

    def add(begin: int, end: int, new: str, kind: str):
        if "\x01" not in code[begin:end]:
            found.append(Site(file, begin, end, new, kind))

    for match in BINARY.finditer(code):
        add(*match.span(), SWAPS[match[1]], "operator")
    for match in STEP.finditer(code):
        add(*match.span(), "--" if match[0] == "++" else "++", "operator")
    for match in NOT.finditer(code):
        add(*match.span(), "", "operator")
    for match in NUMBER.finditer(code):
        add(*match.span(), str(int(match[0]) + 1), "constant")
    for match in TRUTH.finditer(code):
        add(*match.span(), "false" if match[0] == "true" else "true", "constant")
    for match in CONDITION.finditer(code):
        end = closing(code, match.end() - 1)
        line = text[match.end():end]
        if end > 0 and "\n" not in line and ";" not in line and not DECLARATION.match(line):
            found.append(Site(file, match.end(), end, f"!({line})", "condition"))
    for match in STATEMENT.finditer(code):
        if not DECLARATION.match(match[0]) and "\x01" not in match[0]:
            found.append(Site(file, match.start(), match.end(), "  ;", "statement"))
    return sorted(found, key=lambda site: (site.begin, site.end, site.new))


def apply(text: str, site: Site) -> str:
    return text[:site.begin] + site.new + text[site.end:]


def lines_of(text: str, site: Site) -> tuple[int, str, str]:
    """Number of the line, and the line before and after the change."""
    first = text.rfind("\n", 0, site.begin) + 1
    if site.kind == "statement":
        first = site.begin
    last = text.find("\n", site.end)
    before = text[first:last]
    after = text[first:site.begin] + site.new + text[site.end:last]
    return text.count("\n", 0, site.begin) + 1, " ".join(before.split()), " ".join(after.split())
