#!/usr/bin/env python3
"""Checks the Markdown files against the tree: docs.py [ROOT].

Every back-quoted word and path exists, every link leads to a file, every `make` target is one, every
fault, option, invariant and policy has its row.
"""

import re
import sys
from pathlib import Path

import tree

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATH = re.compile(r"[\w.*+-]+(/[\w.*+-]+)*/?")
EXTENSIONS = ("cc", "h", "cpp", "py", "md", "txt", "def", "json", "cmake", "map")
TOP_FOLDERS = ("src", "tests", "bench", "props", "fuzz", "sanitizers", "tools", "evidence", "cmake")
# Files that a document may name though they need not be there: file and why.
NEED_NOT_EXIST = {
    "evidence/record.json": "written by make prove",
    "record.json": "the same",
    "bench/golden/g++.json": "kept by whoever wants counts to be compared",
    "golden/g++.json": "the same",
    "golden/clang.json": "the same",
}


def words_of_tree(root: Path) -> set[str]:
    words = set()
    for path in tree.files(root):
        if path.suffix != ".md":
            words.update(WORD.findall(tree.read(path)))
            words.add(path.name)
            words.update(path.relative_to(root).parts)
    return words


def path_exists(root: Path, document: Path, text: str) -> bool:
    if text in NEED_NOT_EXIST or text.startswith("build/") or text.split("/")[0] in ("bin", "usr", "proc"):
        return True
    return any(next(base.glob(text.rstrip("/")), None) is not None
               for base in (document.parent, root))


def looks_like_path(text: str) -> bool:
    if not PATH.fullmatch(text) or text.startswith("."):
        return False
    return text.split("/")[0] in TOP_FOLDERS and "/" in text or text.rpartition(".")[2] in EXTENSIONS


def check_quoted(root: Path, document: Path, quoted: str, words: set[str], targets: set[str]):
    parts = quoted.split()
    if len(parts) > 1:
        if parts[0] == "make" and PATH.fullmatch(parts[1]) and parts[1] not in targets:
            yield f"no make target '{parts[1]}'"
        parts = [part for part in parts if part.split("/")[0] in TOP_FOLDERS and "/" in part]
    for part in parts:
        name, equals, _ = part.partition("=")
        if equals and WORD.fullmatch(name):
            part = name
        part = part.removesuffix("()").strip(",;:")
        if looks_like_path(part):
            if not path_exists(root, document, part) and part not in words:
                yield f"no such file '{part}'"
        elif WORD.fullmatch(part) and part not in words:
            yield f"no such name '{part}'"


def check_document(root: Path, document: Path, words: set[str], targets: set[str]) -> list[str]:
    problems = []
    fenced = False
    for number, line in enumerate(tree.read(document).splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        found = [problem for quoted in re.findall(r"`([^`]+)`", line)
                 for problem in check_quoted(root, document, quoted, words, targets)]
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", line):
            if "://" not in link and not (document.parent / link).exists():
                found.append(f"link to nowhere '{link}'")
        problems += [f"{document.relative_to(root)}:{number}: {problem}" for problem in found]
    return problems


def missing_rows(root: Path) -> list[str]:
    """Rows that something in the sources demands of a document."""
    demanded = []
    for name in re.findall(r'^HAK_FAULT\(\w+, "([^"]+)"', tree.read(root / "src/base/faults.def"),
                           re.MULTILINE):
        demanded.append(("SECURITY.md", f"| `{name}` |"))
    for name in re.findall(r'^HAK_OPTION\(\w+, "([^"]+)"', tree.read(root / "src/base/options.def"),
                           re.MULTILINE):
        demanded.append(("USAGE.md", f"| `{name}` |"))
    for name in re.findall(r'^HAK_TARGET\(\w+, "([^"]+)"', tree.read(root / "src/base/targets.def"),
                           re.MULTILINE):
        demanded.append(("USAGE.md", f"| `{name}` |"))
    for path in tree.files(root / "src", tree.CPP):
        where = path.relative_to(root)
        for name in re.findall(r"^// ([A-Z]\d)  \S", tree.read(path), re.MULTILINE):
            demanded.append(("DESIGN.md", rf"\| {name} \|.*\| `{re.escape(str(where))}` \|"))
    for name in re.findall(r"^// ([A-E] \w+)  ", tree.read(root / "src/policy.h"), re.MULTILINE):
        demanded.append(("DESIGN.md", f"| {name} |"))
    for kind, count in (("faults", 5), ("options", 5), ("rows in all", 40)):
        if len(demanded) < count:
            return [f"only {len(demanded)} rows are demanded: the pattern for {kind} is stale"]
    missing = []
    for document, row in demanded:
        text = tree.read(root / document)
        if row not in text and not (row.startswith("\\") and re.search(row, text)):
            missing.append(f"{document}: no row {row}")
    return missing


def main() -> int:
    root = tree.root_argument()
    words = words_of_tree(root)
    targets = set(re.findall(r"[\w-]+", " ".join(
        re.findall(r"^([a-z0-9 -]+):", tree.read(root / "Makefile"), re.MULTILINE))))
    documents = tree.files(root, {".md"})
    problems = [problem for document in documents
                for problem in check_document(root, document, words, targets)]
    return tree.end(problems + missing_rows(root), len(documents), "documents")


if __name__ == "__main__":
    sys.exit(main())
