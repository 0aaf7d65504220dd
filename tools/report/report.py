#!/usr/bin/env python3
"""Writes the status page: report.py [--root TREE] [--out FILE].

It runs no test and measures nothing: it reads what the other tools left under build/ and evidence/, and
says of what is missing which command makes it.
"""

import argparse
import datetime
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import page  # noqa: E402
import sections  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def revision_of(root: Path) -> str:
    done = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
                          capture_output=True, text=True)
    return done.stdout.strip() or "not under git"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to report on")
    parser.add_argument("--out", type=Path, help="default: build/report.html of the tree")
    options = parser.parse_args()
    if not (options.root / "src/base/faults.def").is_file():
        print(f"report.py: {options.root} is no tree of hakmem", file=sys.stderr)
        return 2
    found = sections.collect(options.root.resolve())
    out = options.out or options.root / "build/report.html"
    text = page.render(found, revision_of(options.root), datetime.datetime.now().isoformat(sep=" ", timespec="minutes"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"report.py: {out}: {error.strerror}", file=sys.stderr)
        return 2
    there = [section for section in found if not section.missing]
    print(f"{out}: {len(there)} of {len(found)} sections")
    for section in found:
        if section.missing:
            print(f"  {section.title}: {section.missing}; {section.command}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
