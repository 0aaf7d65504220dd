#!/usr/bin/env python3
"""Checks sizes, conditional compilation, left-over marks and layers: style.py [ROOT]."""

import ast
import re
import sys
from pathlib import Path

import tree

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LAYERS = ("base", "os", "backing", "core", "front", "abi")
FREE_FOR_ALL = {"policy.h", "hakmem_evidence.h"}
MARKS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
                     r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)
SCOPE = re.compile(r'\b(namespace|class|struct|union|enum)\b|extern\s*$')

# Conditional compilation inside a function, where nothing else will do: file and why.
CONDITIONAL_ALLOWED = {
    "src/core/validate.h": "ThreadSanitizer's view of one load, the word that makes the arena grow",
    "src/abi/build_info.cc": "one string literal, put together by the preprocessor",
}


def blank(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def bodies(text: str):
    """First and last line of every function body and, at its opening, the text before it.

    Good enough for formatted code: what opens at namespace or class level and is neither of them
    nor an initialiser is a function."""
    code = NO_CODE.sub(blank, text)
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, code, flags=re.MULTILINE)
    stack = []
    line = 1
    before = ""
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            inside = any(kind != "scope" for kind, _ in stack)
            head = re.sub(r"template\s*<[^{}]*?>\s*(?=\w)", "", before)
            if inside:
                kind = "block"
            elif SCOPE.search(head) and not re.search(r"\)\s*(const|noexcept|\s)*$", head):
                kind = "scope"
            else:
                kind = "value" if re.search(r"(?<![=!<>])=\s*$", head) else "function"
            stack.append((kind, line))
        elif char == "}" and stack:
            kind, first = stack.pop()
            if kind == "function":
                yield first, line
        before = "" if char in ";{}" else before + char


def check_cpp(name: str, text: str) -> list[str]:
    problems = []
    spans = list(bodies(text))
    for first, last in spans:
        if last - first + 1 > FUNCTION_LINES_MAX:
            problems.append(f"{name}:{first}: function of {last - first + 1} lines")
    if name.startswith(("src/base/", "src/os/")) or name in CONDITIONAL_ALLOWED:
        return problems
    if not name.startswith("src/"):
        return problems
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*#\s*(if|el|endif)", line) and any(a < number < b for a, b in spans):
            problems.append(f"{name}:{number}: conditional compilation inside a function")
    return problems


def check_python(name: str, text: str) -> list[str]:
    return [f"{name}:{node.lineno}: function of {node.end_lineno - node.lineno + 1} lines"
            for node in ast.walk(ast.parse(text, name))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX]


def check_layers(name: str, text: str) -> list[str]:
    layer = name.split("/")[1] if name.count("/") >= 2 else None
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        include = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not include or include.group(1) in FREE_FOR_ALL:
            continue
        target = include.group(1)
        if target == "hakmem.h" and layer == "abi":
            continue
        wanted = target.split("/")[0]
        if wanted not in LAYERS:
            problems.append(f"{name}:{number}: includes {target}, which is in no layer below")
        elif layer in LAYERS and LAYERS.index(wanted) > LAYERS.index(layer):
            problems.append(f"{name}:{number}: {layer} includes {target}, a layer above")
    return problems


def check_file(root: Path, path: Path) -> list[str]:
    name = str(path.relative_to(root))
    text = tree.read(path)
    problems = []
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        problems.append(f"{name}: {lines} lines")
    problems += [f"{name}:{number}: left-over mark {found.group()}"
                 for number, line in enumerate(text.splitlines(), 1)
                 if (found := MARKS.search(line))]
    if path.suffix == ".py":
        problems += check_python(name, text)
    else:
        problems += check_cpp(name, text)
    if name.startswith("src/"):
        problems += check_layers(name, text)
    return problems


def main() -> int:
    root = tree.root_argument()
    sources = tree.files(root, tree.CPP | {".py"})
    problems = [problem for path in sources for problem in check_file(root, path)]
    return tree.end(problems, len(sources), "source files")


if __name__ == "__main__":
    sys.exit(main())
