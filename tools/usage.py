#!/usr/bin/env python3
"""Writes the option table of USAGE.md from what the built library says of itself.

  usage.py LIB            rewrites the table
  usage.py --check LIB    exit status 1, and the lines that differ, if the table is not up to date
"""

import ctypes
import difflib
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

USAGE = Path(__file__).resolve().parent.parent / "USAGE.md"
BEGIN = "<!-- options: written by tools/usage.py -->"
END = "<!-- end of options -->"
PROFILES = ("fast", "hardened", "paranoid")
# Policies A and D are compiled on where there is evidence for them: their defaults are the build's.
AS_BUILT = ("HAKMEM_DIRECT", "HAKMEM_TRUSTED_HEADER")
VISIT = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p,
                         ctypes.c_void_p)


class UsageError(Exception):
    pass


def list_options(library: str) -> list[list]:
    """Name, value, what is accepted, description, whether it can be changed later."""
    hakmem = ctypes.CDLL(library)
    rows = []

    @VISIT
    def visit(name, value, accepted, about, _):
        later = hakmem.hakmem_option_set(name, value) != errno.EPERM
        rows.append([name.decode(), value.decode(), accepted.decode(), about.decode(), later])

    hakmem.hakmem_option_each(visit, None)
    return rows


def options_under(profile: str, library: Path) -> list[list]:
    """In a process of its own: options are read once. No setting of the caller's gets through."""
    done = subprocess.run([sys.executable, "-B", __file__, "--list", str(library)],
                          env={"HAKMEM_PROFILE": profile}, capture_output=True, text=True)
    if done.returncode != 0:
        raise UsageError(f"{library}: {done.stderr.strip() or 'cannot be asked'}")
    return json.loads(done.stdout)


def make_table(library: Path) -> list[str]:
    by_profile = [options_under(profile, library) for profile in PROFILES]
    lines = ["| option | accepted | fast | hardened | paranoid | later | what it does |",
             "|---|---|---|---|---|---|---|"]
    for rows in zip(*by_profile):
        name, _, accepted, about, later = rows[0]
        values = ["as built"] * 3 if name in AS_BUILT else [row[1] for row in rows]
        if name == "HAKMEM_PROFILE":
            values = ["", "default", ""]
        lines.append(f"| `{name}` | {accepted} | {' | '.join(values)} | "
                     f"{'yes' if later else 'no'} | {about} |")
    return lines


def update(library: Path, check: bool) -> int:
    old = USAGE.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise UsageError(f"{USAGE.name}: the lines '{BEGIN}' and '{END}' must each be there once")
    head, rest = old.split(BEGIN)
    tail = rest.split(END)[1]
    new = f"{head}{BEGIN}\n" + "\n".join(make_table(library)) + f"\n{END}{tail}"
    if check and new != old:
        print("\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), "USAGE.md",
                                             "the library", lineterm="", n=0)))
        return 1
    if not check:
        USAGE.write_text(new, encoding="utf-8")
    return 0


def main() -> int:
    arguments = sys.argv[1:]
    mode = arguments.pop(0) if arguments and arguments[0].startswith("--") else ""
    if len(arguments) != 1 or mode not in ("", "--check", "--list"):
        print("usage.py: usage: usage.py [--check] LIB", file=sys.stderr)
        return 2
    library = Path(arguments[0]).resolve()
    try:
        if not library.is_file():
            raise UsageError(f"no library '{arguments[0]}'")
        if mode == "--list":
            json.dump(list_options(str(library)), sys.stdout)
            return 0
        return update(library, mode == "--check")
    except (UsageError, OSError) as error:
        print(f"usage.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
