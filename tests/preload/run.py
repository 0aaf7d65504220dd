#!/usr/bin/env python3
"""Runs a real program plain and with a malloc library preloaded, and compares what it did.

  run.py --list
  run.py --lib build/release/libhakmem.so --program sqlite3

The exit status is 0 if both runs agree, 1 if the library changed or broke the program, and 2 if
the test could not be made (no such library, a program not installed, the plain run fails).
HAKMEM_* variables of the environment are passed on to the preloaded run.
"""

import argparse
import difflib
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import processes
from programs import PROGRAMS, Program
from session import HERE, Failure, Session, Shared, compile_plain

DIFF_LINES_MAX = 40


class CannotTest(Exception):
    pass


@dataclass(frozen=True)
class Clock:
    wall: float
    processor: float  # of all children that have ended

    @classmethod
    def read(cls) -> "Clock":
        times = os.times()
        return cls(time.monotonic(), times.children_user + times.children_system)

    def until(self, later: "Clock") -> str:
        return (f"{later.wall - self.wall:.1f} s "
                f"({later.processor - self.processor:.1f} s of processor)")


def describe_difference(plain: bytes, preloaded: bytes) -> str:
    lines = difflib.unified_diff(
        plain.decode(errors="backslashreplace").splitlines(),
        preloaded.decode(errors="backslashreplace").splitlines(),
        "plain", "preloaded", lineterm="", n=1)
    shown = [line[:200] for _, line in zip(range(DIFF_LINES_MAX), lines)]
    return "\n".join(f"    {line}" for line in shown)


def compare(plain: Session, preloaded: Session) -> None:
    if list(plain.observations) != list(preloaded.observations):
        raise Failure("the runs made different observations: "
                      f"{set(plain.observations) ^ set(preloaded.observations)}")
    for label, expected in plain.observations.items():
        if preloaded.observations[label] != expected:
            difference = describe_difference(expected, preloaded.observations[label])
            raise Failure(f"{label}: differs under the library\n{difference}")


def run_once(program: Program, shared: Shared, witness: Path, library: Path | None) -> Session:
    session = Session(shared, witness, library)
    try:
        program.run(session)
        session.finish(program.loads)
    finally:
        processes.end_all()
    return session


def test(program: Program, library: Path, shared: Shared) -> str:
    witness = shared.root / "witness.so"
    compile_plain(["gcc", "-std=c++20", "-O2", "-fPIC", "-shared", "-fno-exceptions", "-fno-rtti",
                   str(HERE / "shims/witness.cpp"), "-o", str(witness)])
    begin = Clock.read()
    try:
        plain = run_once(program, shared, witness, None)
    except Failure as failure:
        raise CannotTest(f"fails without the library: {failure}") from failure
    middle = Clock.read()
    try:
        preloaded = run_once(program, shared, witness, library)
    except (OSError, LookupError, ValueError) as error:  # such as a missing or garbled file
        raise Failure(f"the workload broke under the library: {error!r}") from error
    end = Clock.read()
    compare(plain, preloaded)
    observed = sum(len(data) for data in plain.observations.values())
    return (f"{len(plain.observations)} observations, {observed} bytes alike; "
            f"plain {begin.until(middle)}, preloaded {middle.until(end)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="list the programs and end")
    parser.add_argument("--check-list", nargs="+", metavar="NAME",
                        help="fail unless these are exactly the programs there are")
    parser.add_argument("--lib", type=Path, help="the malloc library to preload")
    parser.add_argument("--program", help="a name of --list")
    parser.add_argument("--timeout", type=float, default=540.0, metavar="SECONDS",
                        help="for both runs together (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the directory it ran in")
    return parser.parse_args()


def check_arguments(arguments: argparse.Namespace) -> tuple[Program, Path]:
    if arguments.lib is None or arguments.program is None:
        raise CannotTest("both --lib and --program are needed (or --list)")
    if arguments.program not in PROGRAMS:
        raise CannotTest(f"no program '{arguments.program}': see --list")
    library = arguments.lib.resolve()
    if not library.is_file():
        raise CannotTest(f"no library '{arguments.lib}'")
    if set(str(library)) & set(" :\t\n"):
        raise CannotTest(f"LD_PRELOAD cannot hold the path '{library}'")
    program = PROGRAMS[arguments.program]
    for path in program.needs:
        if not Path(path).exists():
            raise CannotTest(f"{path} is not installed: see packages.txt")
    return program, library


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        for name, program in PROGRAMS.items():
            print(f"{name:20} {program.about}")
        return 0
    if arguments.check_list:
        different = set(arguments.check_list) ^ set(PROGRAMS)
        print(f"registered with ctest or here only: {sorted(different)}" if different else "same")
        return 1 if different else 0
    name = arguments.program
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda number, _: sys.exit(128 + number))
    # Started in the background, we may have been told to ignore these; programs would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    root = None
    try:
        program, library = check_arguments(arguments)
        processes.become_subreaper()
        root = Path(tempfile.mkdtemp(prefix="hakmem-preload-"))
        print(f"PASS {name}: "
              + test(program, library, Shared(root, time.monotonic() + arguments.timeout)))
        return 0
    except Failure as failure:
        print(f"FAIL {name}: {failure}", file=sys.stderr)
        return 1
    except (CannotTest, RuntimeError, OSError) as problem:
        print(f"run.py: {name or 'usage'}: {problem}", file=sys.stderr)
        return 2
    finally:
        processes.end_all()
        if root is not None and arguments.keep:
            print(f"kept: {root}", file=sys.stderr)
        elif root is not None:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
