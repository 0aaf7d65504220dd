#!/usr/bin/env python3
"""Checks what the shared library offers and needs: library.py LIB EXPORTS.

It exports the committed names and nothing else, and needs libc alone: a C program that preloads it
must not get a C++ runtime with it.
"""

import re
import subprocess
import sys
from pathlib import Path

NEEDS = ["libc.so.6"]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={"LC_ALL": "C",
                                                                       "PATH": "/usr/bin:/bin"})
    if done.returncode != 0:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def exported(library: Path) -> set[str]:
    rows = [line.split() for line in run("nm", "-D", "--defined-only", str(library)).splitlines()]
    return {row[2] for row in rows if len(row) == 3 and row[1] != "A"}


def problems_of(library: Path, expected: set[str]) -> list[str]:
    found = exported(library)
    problems = [f"exported, but not in the list: {name}" for name in sorted(found - expected)]
    problems += [f"in the list, but not exported: {name}" for name in sorted(expected - found)]
    dynamic = run("readelf", "-d", str(library))
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    if needed != NEEDS:
        problems.append(f"needs {needed}, expected {NEEDS}")
    if "(TEXTREL)" in dynamic:
        problems.append("has text relocations")
    return problems


def main() -> int:
    if len(sys.argv) != 3:
        print("library.py: usage: library.py LIB EXPORTS", file=sys.stderr)
        return 2
    try:
        expected = set(Path(sys.argv[2]).read_text(encoding="utf-8").split())
        problems = problems_of(Path(sys.argv[1]), expected)
    except OSError as error:
        print(f"library.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(problems) or f"{len(expected)} names, needs {', '.join(NEEDS)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
