#!/usr/bin/env python3
"""Runs the attack corpus and compares every outcome with the contract.

  run.py --bin DIR --glibc                                   how each attack fares against glibc
  run.py --bin DIR --lib libhakmem.so --profile hardened     ... and against one profile
  run.py --bin DIR --lib R.so --profile fast,hardened,paranoid --debug-lib D.so --glibc --table T.md

Exit status: 0 if no cell is worse than, or other than, the contract says; 1 if one is; 2 if the
call was wrong; 77 if glibc is not the version that the demonstration was written for.
"""

from __future__ import annotations

import argparse
import ctypes
import mmap
import os
import pathlib
import resource
import sys

import corpus
import outcome
import table

HERE = pathlib.Path(__file__).resolve().parent
GLIBC_VERSION = "2.36"
SKIPPED = 77
MADV_GUARD_INSTALL = 102
FAILURES = ("worsens", "differs")


def fail(message: str) -> int:
    print(f"run.py: {message}", file=sys.stderr)
    return 2


def light_guards() -> bool:
    """Whether the kernel has guard pages that cost no mapping (Linux 6.13)."""
    page = mmap.mmap(-1, mmap.PAGESIZE)
    try:
        page.madvise(MADV_GUARD_INSTALL)
        return True
    except OSError:
        return False


def glibc_version() -> str:
    try:
        version = ctypes.CDLL(None).gnu_get_libc_version
    except AttributeError:
        return ""
    version.restype = ctypes.c_char_p
    return version().decode()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the attack corpus against an allocator.")
    parser.add_argument("--bin", type=pathlib.Path, required=True,
                        help="directory that the programs were built in")
    parser.add_argument("--lib", type=pathlib.Path, help="libhakmem.so, Release")
    parser.add_argument("--profile", default="hardened", help="fast, hardened, paranoid, sampled; a list")
    parser.add_argument("--debug", action="store_true", help="--lib is a Debug build")
    parser.add_argument("--debug-lib", type=pathlib.Path, help="a Debug build, as one more column")
    parser.add_argument("--glibc", action="store_true", help="run without any library, too")
    parser.add_argument("--only", default="", help="programs or cases whose id starts like this")
    parser.add_argument("--category", default="", help="programs of one directory")
    parser.add_argument("--seed", help="HAKMEM_SEED, to repeat a run")
    parser.add_argument("--table", type=pathlib.Path, help="write the contract table here")
    parser.add_argument("--list", action="store_true", help="print the cases and what is expected")
    parser.add_argument("--verbose", action="store_true", help="print every cell")
    return parser.parse_args()


def targets_of(arguments: argparse.Namespace) -> list[outcome.Target]:
    targets = [outcome.Target("glibc", None, None)] if arguments.glibc else []
    for library in (arguments.lib, arguments.debug_lib):
        if library is not None and not library.is_file():
            raise corpus.CorpusError(f"no such library: {library}")
    if arguments.lib is not None and arguments.debug:
        targets.append(outcome.Target("debug", arguments.lib.resolve(), None, arguments.seed))
    elif arguments.lib is not None:
        for profile in arguments.profile.split(","):
            if profile not in (*corpus.PROFILES[:3], corpus.SAMPLED):
                raise corpus.CorpusError(f"no such profile: {profile}")
            variable = "hardened" if profile == corpus.SAMPLED else profile
            targets.append(outcome.Target(profile, arguments.lib.resolve(), variable,
                                          arguments.seed))
    if arguments.debug_lib is not None:
        targets.append(outcome.Target("debug", arguments.debug_lib.resolve(), None,
                                      arguments.seed))
    if not targets:
        raise corpus.CorpusError("nothing to run against: give --glibc or --lib")
    return targets


def chosen(programs: list[corpus.Program], arguments: argparse.Namespace):
    for program in programs:
        if arguments.category and program.category != arguments.category:
            continue
        for case in program.cases:
            if program.case_id(case).startswith(arguments.only):
                yield program, case


def run_all(programs: list[corpus.Program], targets: list[outcome.Target],
            arguments: argparse.Namespace) -> list[table.Cell]:
    guards = light_guards()
    cells = []
    for program, case in chosen(programs, arguments):
        binary = arguments.bin / program.category / program.name
        for target in targets:
            expected = program.expected(target.name, case, guards)
            result, found, seed = outcome.run_cell(binary, case, target, expected)
            cells.append(table.Cell(program, case, target.name, result, found))
            if arguments.verbose or result != "as expected":
                wanted = " or ".join(map(describe, expected))
                print(f"{result}: {program.case_id(case)} [{target.name}]: {found}"
                      + (f"; expected {wanted}" if result != "as expected" else "")
                      + (f"; HAKMEM_SEED={seed}" if seed and result in FAILURES else ""),
                      flush=True)
    return cells


def describe(verdict: corpus.Verdict) -> str:
    if verdict.kind == "stopped":
        return f"{'|'.join(verdict.faults)}@{verdict.when}"
    if verdict.kind == "abort":
        return f'abort "{verdict.text}"'
    if verdict.kind == "chance":
        return f"{verdict.counted} p<={verdict.numerator}/{verdict.denominator} in {verdict.trials}"
    return verdict.kind


def print_list(programs: list[corpus.Program], arguments: argparse.Namespace) -> int:
    guards = light_guards()
    for program, case in chosen(programs, arguments):
        cells = (f"{target}: " + " or ".join(map(describe, program.expected(target, case, guards)))
                 for target in ("glibc", *corpus.PROFILES))
        print(f"{program.case_id(case)}  {program.fault}  " + "; ".join(cells))
    return 0


def main() -> int:
    arguments = parse_arguments()
    try:
        programs = corpus.load(HERE)
        if arguments.list:
            return print_list(programs, arguments)
        targets = targets_of(arguments)
    except corpus.CorpusError as error:
        return fail(str(error))
    if arguments.glibc and glibc_version() != GLIBC_VERSION:
        print(f"run.py: the demonstration is of glibc {GLIBC_VERSION}, this is {glibc_version()}")
        return SKIPPED
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.pop("LD_PRELOAD", None)
    cells = run_all(programs, targets, arguments)
    if not cells:
        return fail("no program fits")
    if arguments.table is not None:
        names = [target.name for target in targets]
        try:
            arguments.table.write_text(table.write(cells, names), encoding="utf-8")
        except OSError as error:
            return fail(f"{arguments.table}: {error.strerror}")
    counts = {result: sum(cell.result == result for cell in cells)
              for result in ("as expected", "improves", *FAILURES)}
    chance = sum(cell.found.endswith(")") and "allows" in cell.found for cell in cells)
    print(f"{len(cells)} cells: " + ", ".join(f"{count} {name}" for name, count in counts.items())
          + f"; {chance} judged by chance, false-alarm rate {outcome.FALSE_ALARM_RATE:g} each")
    if counts["improves"]:
        print("improvements are not failures: tighten the programs' comment lines")
    return 1 if any(counts[result] for result in FAILURES) else 0


if __name__ == "__main__":
    sys.exit(main())
