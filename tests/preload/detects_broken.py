#!/usr/bin/env python3
"""Shows that the suite can fail: runs it on libraries that are wrong in a known way.

Each must be found, for the right reason, and leave neither processes nor files behind; the same
allocator without its fault must pass.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import processes
from session import HERE, PATH, compile_plain

LIBM = "/lib/x86_64-linux-gnu/libm.so.6"
ANY_FAILURE = "."


@dataclass(frozen=True)
class Case:
    about: str
    library: str
    program: str
    mode: str
    after: int  # calls that go well first, so that the program gets into its work
    status: int
    reason: str  # regular expression of what run.py must say
    timeout: int = 60


def cases(broken: str, not_a_library: str) -> list[Case]:
    return [
        Case("no fault", broken, "small-tools", "none", 0, 0, "PASS small-tools"),
        Case("calloc not zero", broken, "perl", "calloc", 2000, 1, ANY_FAILURE),
        Case("overlapping blocks", broken, "perl", "overlap", 2000, 1, ANY_FAILURE),
        Case("realloc loses contents", broken, "bash", "realloc", 2000, 1, ANY_FAILURE),
        Case("report on stderr", broken, "small-tools", "report", 0, 1, "reported a fault"),
        Case("report elsewhere", broken, "small-tools", "quiet", 0, 1,
             "report file: .* reported a fault"),
        Case("wrong exit status", broken, "small-tools", "leave", 0, 1, "exit status 41"),
        Case("different output", broken, "small-tools", "print", 0, 1, "differs under the library"),
        Case("hangs", broken, "small-tools", "hang", 0, 1, "out of time", timeout=15),
        Case("without malloc", LIBM, "small-tools", "none", 0, 1,
             "free come from .* expected .*libm"),
        Case("not a library", not_a_library, "small-tools", "none", 0, 1, "free come from"),
        Case("missing library", "/nowhere/lib.so", "small-tools", "none", 0, 2, "no library"),
    ]


def problems(case: Case, directory: Path) -> list[str]:
    environment = {"PATH": PATH, "TMPDIR": str(directory), "BROKEN_MODE": case.mode,
                   "BROKEN_AFTER": str(case.after)}
    done = subprocess.run(
        [sys.executable, HERE / "run.py", "--lib", case.library, "--program", case.program,
         "--timeout", str(case.timeout)], env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    found = []
    if done.returncode != case.status:
        found.append(f"exit status {done.returncode} instead of {case.status}")
    if not re.search(case.reason, said, re.DOTALL):
        found.append(f"did not say '{case.reason}'")
    if left := processes.descendants(os.getpid()):
        found.append(f"left processes behind: {sorted(left)}")
    if files := [path.name for path in directory.iterdir()]:
        found.append(f"left files behind: {files}")
    return found and [*found, f"said: {said[:1500]}"]


def main() -> int:
    processes.become_subreaper()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="hakmem-broken-") as name:
        broken = Path(name) / "libbroken.so"
        compile_plain(["gcc", "-std=c++20", "-O2", "-fPIC", "-shared", "-fno-exceptions",
                       "-fno-rtti", str(HERE / "shims/broken_allocator.cpp"), "-o", str(broken)])
        not_a_library = Path(name) / "text.so"
        not_a_library.write_text("not a library\n")
        work = Path(name) / "work"
        work.mkdir()
        for case in cases(str(broken), str(not_a_library)):
            found = problems(case, work)
            failed += bool(found)
            print(f"{'FAIL' if found else 'ok  '} {case.about}", *found, sep="\n  ", flush=True)
            processes.end_all()
    print(f"{failed} of the faults were not found as they should" if failed else "all found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
