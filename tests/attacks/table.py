"""Writes the contract table in Markdown from what was measured."""

from __future__ import annotations

import dataclasses
import re

import corpus

RANGES = corpus.RANGES


@dataclasses.dataclass
class Cell:
    program: corpus.Program
    case: str
    target: str
    result: str
    found: str

    @property
    def case_id(self) -> str:
        return self.program.case_id(self.case)


def severity(found: str) -> int:
    """Orders descriptions from best to worst for the program under attack."""
    if "@at-call" in found:
        return 0
    if "@at-free" in found:
        return 1
    if "@later" in found:
        return 2
    if found.startswith("abort"):
        return 2
    if found in ("survives", "clean"):
        return 3
    return 4 if found.startswith("succeeds ") else 5


def short(found: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r" \(\d+ ops\)", "", found)


def worst(cells: list[Cell]) -> str:
    if not cells:
        return ""
    cell = max(cells, key=lambda each: severity(each.found))
    ops = [int(number) for each in cells for number in re.findall(r"\((\d+) ops\)", each.found)]
    text = short(cell.found)
    return f"{text}, within {max(ops)} ops" if ops and "@later" in text else text


def latency(cells: list[Cell]) -> str:
    stages = {"@at-call": "0", "@at-free": "until the free"}
    found = {stages[mark] for each in cells for mark in stages if mark in each.found}
    ops = [int(number) for each in cells for number in re.findall(r"\((\d+) ops\)", each.found)]
    if ops:
        found.add(f"{min(ops)}-{max(ops)} ops")
    return ", ".join(sorted(found)) or "-"


def row(cells: list[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"


def write(cells: list[Cell], targets: list[str]) -> str:
    lines = ["# What each misuse comes to", "",
             "Measured by `tests/attacks/run.py`; one program per line of the second table. The "
             "first table shows the *worst* outcome of all programs with that fault and size range "
             "(tiny: to 1024 bytes, medium: to 32783, large: beyond; any: no size involved).", "",
             "`fault@at-call` is stopped in the misusing call, `@at-free` when the damaged block "
             "is freed, `@later` after so many heap operations; `segv` is a guard page; `survives` "
             "had no effect; `succeeds` had its effect unnoticed. Cells with a probability are "
             "judged over that many runs, with a false-alarm rate of 10^-6 each.", "",
             row(["fault", "size", *targets, "latency"]), row(["---"] * (len(targets) + 3))]
    faults = sorted({cell.program.fault for cell in cells})
    for fault in faults:
        for size_range in RANGES:
            group = [cell for cell in cells if cell.program.fault == fault
                     and cell.program.size_range(cell.case) == size_range]
            if not group:
                continue
            by_target = [worst([cell for cell in group if cell.target == target])
                         for target in targets]
            late = latency([cell for cell in group if cell.target != "glibc"])
            lines.append(row([fault, size_range, *by_target, late]))
    lines += ["", "## Programs", "", row(["program", "attack", *targets]),
              row(["---"] * (len(targets) + 2))]
    seen: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        seen.setdefault(cell.case_id, {})[cell.target] = cell
    for case_id, found in seen.items():
        program = next(iter(found.values())).program
        by_target = [found[target].found if target in found else "" for target in targets]
        lines.append(row([f"`{case_id}`", program.attack, *by_target]))
    return "\n".join(lines) + "\n"
