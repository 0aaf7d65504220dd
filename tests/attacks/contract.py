#!/usr/bin/env python3
"""The contract table of SECURITY.md, from what every program of the corpus says of itself.

  contract.py SECURITY.md           0 if the table there is the corpus's, 1 and the difference if not
  contract.py --write SECURITY.md   puts it there

The runs of run.py hold hakmem to each of these cells, so a cell that worsens fails there; that the
document says what the corpus says is checked here.
"""

from __future__ import annotations

import argparse
import collections
import difflib
import pathlib
import sys

import corpus
import table

BEGIN = "<!-- contract: written by tests/attacks/contract.py -->"
END = "<!-- end of contract -->"
ORDER = ("at the call", "at the free", "at refill or flush", "at reuse", "no effect", "by chance", "succeeds")
STAGES = {"at-call": "at the call", "at-free": "at the free", "refill-flush": "at refill or flush",
          "reuse": "at reuse"}


class ContractError(Exception):
    pass


def word(verdict: corpus.Verdict) -> str:
    if verdict.kind == "stopped":
        return STAGES[verdict.when]
    return {"survives": "no effect", "chance": "by chance", "succeeds": "succeeds"}[verdict.kind]


def worst(verdicts: list[corpus.Verdict]) -> str:
    return max((word(verdict) for verdict in verdicts), key=ORDER.index)


def rows(programs: list[corpus.Program]) -> list[str]:
    cells: dict = collections.defaultdict(collections.Counter)
    for program in programs:
        for case in program.cases:
            for profile in corpus.PROFILES:
                verdicts = program.expected(profile, case, True)
                if any(verdict.kind == "clean" for verdict in verdicts):
                    continue
                cells[program.fault, program.size_range(case), profile][worst(verdicts)] += 1
    lines = [table.row(["misuse", "size", *corpus.PROFILES]),
             table.row(["---"] * (2 + len(corpus.PROFILES)))]
    for fault in sorted({key[0] for key in cells}):
        for size in corpus.RANGES:
            found = [cells.get((fault, size, profile)) for profile in corpus.PROFILES]
            if any(found):
                lines.append(table.row([fault, size, *(describe(each) for each in found)]))
    return lines


def describe(counts: collections.Counter | None) -> str:
    if not counts:
        return ""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{counts[name]} {name}" for name in ORDER if counts[name])


def replaced(text: str, lines: list[str], path: pathlib.Path) -> str:
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ContractError(f"{path}: the marks of the table are missing")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + tail


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks or writes the contract table.")
    parser.add_argument("--write", action="store_true", help="replace the table")
    parser.add_argument("document", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        text = arguments.document.read_text(encoding="utf-8")
        wanted = replaced(text, rows(corpus.load(pathlib.Path(__file__).resolve().parent)),
                          arguments.document)
    except (OSError, corpus.CorpusError, ContractError) as error:
        print(f"contract.py: {error}", file=sys.stderr)
        return 2
    if arguments.write:
        arguments.document.write_text(wanted, encoding="utf-8")
        return 0
    difference = list(difflib.unified_diff(text.splitlines(), wanted.splitlines(),
                                           str(arguments.document), "the corpus", lineterm=""))
    print("\n".join(difference) if difference else "the table is the corpus's")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
