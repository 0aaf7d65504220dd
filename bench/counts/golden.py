"""Golden count tables: what the paths of hakmem cost when the table was written.

A change that makes a path dearer must not slip in unseen, and one that makes it cheaper must be
kept by a new table, or the slack would hide the next regression. So both directions fail.
"""

import json
import os

from hakbench.errors import BenchError

# The paths whose counts do not hang on libc's or the kernel's mood.
PATHS = ("pair-16", "pair-64", "pair-512", "pair-1536", "burst-64", "batch-64", "fresh-64",
         "replace-64", "mixed", "calloc-64", "aligned-256", "new-64", "realloc-in-place")
KEPT = ("instructions", "branches")
TOLERANCE_PERCENT = 2.0
# Below this a percentage means less than one instruction.
TOLERANCE_ABSOLUTE = 0.6


def load(path):
    """Reads a table, or says in one line what is wrong with it."""
    try:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
    except OSError as error:
        raise BenchError(f"cannot read golden table '{path}': {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise BenchError(f"golden table '{path}' is not JSON: {error}") from error
    if not isinstance(table, dict) or not isinstance(table.get("paths"), dict) \
            or not table["paths"]:
        raise BenchError(f"golden table '{path}' has no paths")
    for name, row in table["paths"].items():
        if not isinstance(row, dict) or any(not isinstance(row.get(kept), (int, float))
                                            for kept in KEPT):
            raise BenchError(f"golden table '{path}': path {name} lacks {' or '.join(KEPT)}")
    return table


def write(path, document):
    """Keeps the counts of the only library in `document`."""
    (counts,) = document["counts"].values()
    table = {"date": document["date"], "valgrind": document["valgrind"],
             "tolerance_percent": TOLERANCE_PERCENT,
             "paths": {name: {kept: round(row[kept], 1) for kept in KEPT}
                       for name, row in counts.items()}}
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(table, file, indent=1)
        file.write("\n")


def differences(table, counts):
    """Lines for every count outside the tolerance; an empty list is a pass."""
    lines = []
    percent = table.get("tolerance_percent", TOLERANCE_PERCENT)
    for name, row in table["paths"].items():
        if name not in counts:
            lines.append(f"{name}: not measured")
            continue
        for kept in KEPT:
            golden, found = row[kept], counts[name][kept]
            if abs(found - golden) > max(TOLERANCE_ABSOLUTE, golden * percent / 100):
                word = "dearer" if found > golden else "cheaper"
                lines.append(f"{name}: {kept} {found:.1f}, golden {golden:.1f}: {word}")
    return lines


def report(table, counts, path, out):
    """Prints the verdict; the return value is the exit status."""
    lines = differences(table, counts)
    for line in lines:
        print(f"golden: {line}", file=out)
    if lines:
        print(f"golden: {len(lines)} counts differ from {path}; if that is meant, "
              "write the table anew: tools/build release golden", file=out)
        return 1
    print(f"golden: {len(table['paths'])} paths as in {path}", file=out)
    return 0
