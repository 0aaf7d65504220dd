"""A checker finds the error of a program at its line: run.py asan|msan|memcheck PROGRAM SOURCE.

The line is the one whose comment says `error:` and names the checker. A source without such a comment
must run without a word.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

MARK = re.compile(r"/\* error: ([a-z ]+) \*/")
MEMCHECK = ["valgrind", "-q", "--leak-check=full", "--error-exitcode=99", "--num-callers=20",
            # The library's malloc itself, not Valgrind's in its place.
            "--soname-synonyms=somalloc=nouserintercepts"]
# Memcheck's last words about the metadata that it is told to leave alone (annotate::hidden).
RANGES = re.compile(r"^==\d+== (WARNING: .*|   +\[\d+\] .*)\n", re.MULTILINE)
# What the report of each checker begins with; the first frame in the source must follow.
HEADS = {"asan": "ERROR: AddressSanitizer: use-after-poison",
         "msan": "WARNING: MemorySanitizer: use-of-uninitialized-value",
         "memcheck": r"Invalid (read|write) of size|depends on uninitialised value|definitely lost"}


def expected_line(source: Path, tool: str) -> int | None:
    lines = [number for number, text in enumerate(source.read_text().splitlines(), 1)
             if (mark := MARK.search(text)) and tool in mark.group(1).split()]
    if len(lines) > 1:
        sys.exit(f"run.py: {source}: more than one line marked for {tool}")
    return lines[0] if lines else None


def run(tool: str, program: str) -> subprocess.CompletedProcess:
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    environment["ASAN_OPTIONS"] = "detect_leaks=0:exitcode=99"
    # Memcheck walks its shadow of the reservation, seven seconds for the usual TiB.
    environment["HAKMEM_ARENA_GIB"] = "16"
    environment["MSAN_OPTIONS"] = "exitcode=99"
    command = [*MEMCHECK, program] if tool == "memcheck" else [program]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100,
                            check=False)
    result.stderr = RANGES.sub("", result.stderr)
    return result


def problem(tool: str, source: Path, line: int | None, result: subprocess.CompletedProcess) -> str | None:
    if line is None:
        return None if result.returncode == 0 and not result.stderr else "a report where nothing is wrong"
    if result.returncode != 99:
        return f"status {result.returncode}, not the checker's 99"
    head = re.search(HEADS[tool], result.stderr)
    if not head:
        return "not the report that was expected"
    frame = re.search(re.escape(source.name) + r":(\d+)", result.stderr[head.end():])
    if not frame or int(frame.group(1)) != line:
        return f"the report does not point at line {line}"
    return None


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in HEADS:
        sys.exit("usage: run.py asan|msan|memcheck PROGRAM SOURCE")
    tool, program, source = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    line = expected_line(source, tool)
    result = run(tool, program)
    wrong = problem(tool, source, line, result)
    if wrong:
        sys.exit(f"FAILED: {source.name} under {tool}: {wrong}\n{result.stdout}{result.stderr}")
    print(f"{source.name}: {tool} says nothing" if line is None else f"{source.name}: {tool} names line {line}")


main()
