"""What the tidy checks share: the files of the tree, and how a check ends."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {".git", "build", "__pycache__", "corpus", "corpora"}
CPP = {".cc", ".cpp", ".h", ".c", ".def"}


def files(root: Path, suffixes: set[str] | None = None) -> list[Path]:
    found = []
    for directory, names, entries in os.walk(root):
        names[:] = sorted(name for name in names if name not in LEFT_OUT)
        found += [Path(directory) / name for name in sorted(entries)]
    return [path for path in found if suffixes is None or path.suffix in suffixes]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def end(problems: list[str], checked: int, what: str) -> int:
    """Nothing to check is a failure too: the check would pass on an empty tree."""
    for problem in problems:
        print(problem)
    if not checked:
        print(f"no {what} found")
    print(f"{checked} {what} checked, {len(problems)} problems")
    return 1 if problems or not checked else 0


def root_argument() -> Path:
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and not Path(sys.argv[1]).is_dir()):
        print(f"{Path(sys.argv[0]).name}: usage: {Path(sys.argv[0]).name} [ROOT]", file=sys.stderr)
        sys.exit(2)
    return Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else ROOT
