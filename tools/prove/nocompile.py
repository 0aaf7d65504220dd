#!/usr/bin/env python3
"""What must not compile: nocompile.py RULE [--without]

Runs the cases of tests/nocompile that a rule of the types is about; each must be refused for its reason.
--without takes the rule out of a copy of the sources first: then a case compiles, and that must be seen.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Cases, and the edit that takes the rule away: file, old text, new text.
RULES = {
    "only_the_validator_makes_a_block": (
        ("block_from_parts", "block_from_nothing", "block_from_pointer", "block_by_braces", "block_derived",
         "block_on_heap"),
        ("src/core/validate.h", " private:\n  friend class Validator;", " public:\n  friend class Validator;")),
    "a_block_is_never_copied": (
        ("block_copied", "block_assigned", "block_move_assigned"),
        ("src/core/validate.h", "Block(const Block&) = delete;", "Block(const Block&) = default;")),
    "a_block_is_nothing_else": (
        ("block_as_number", "block_as_pointer"),
        ("src/core/validate.h", "FAST_PATH explicit operator bool", "FAST_PATH operator bool")),
    "push_takes_a_block_that_is_given_up": (
        ("push_of_pointer", "push_without_giving_up", "push_from_outside"),
        ("src/front/front.h", "void push(HeapCore& heap, ThreadCache* cache, Block&& block,",
         "void push(HeapCore& heap, ThreadCache* cache, const Block& block,")),
    "a_look_takes_a_wild_pointer": (
        ("look_at_raw_pointer", "second_look_at_raw_pointer", "wild_by_accident", "wild_from_const"),
        ("src/base/types.h", "explicit constexpr Wild", "constexpr Wild")),
    "heaps_options_and_locks_are_not_copied": (
        ("heap_copied", "heap_assigned", "options_copied", "locked_copied", "lock_copied"),
        ("src/os/lock.h", "Locked(const Locked&) = delete;", "Locked(const Locked&) = default;")),
    "what_is_allowed_compiles": (
        ("control",),
        ("src/core/validate.h", "static Block refused()", "private: static Block refused()")),
}


def run_cases(cases, sources):
    refused = 0
    for case in cases:
        command = [sys.executable, "-B", str(ROOT / "tests/nocompile/run.py"), case, "g++", "-std=c++20",
                   f"-I{sources}"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        print(f"{case}: {'as it must be' if run.returncode == 0 else (run.stdout + run.stderr)[-400:].strip()}")
        refused += run.returncode == 0
    print(f"{refused} of {len(cases)} cases are as they must be")
    return refused == len(cases)


def main():
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in RULES or arguments[1:] not in ([], ["--without"]):
        print(f"nocompile.py: usage: nocompile.py {'|'.join(RULES)} [--without]", file=sys.stderr)
        return 2
    cases, (name, old, new) = RULES[arguments[0]]
    if len(arguments) == 1:
        return 0 if run_cases(cases, ROOT / "src") else 1
    with tempfile.TemporaryDirectory(prefix="hakmem-rule-") as folder:
        copy = Path(folder) / "src"
        shutil.copytree(ROOT / "src", copy)
        path = copy / Path(name).relative_to("src")
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            print(f"nocompile.py: {name} does not have '{old}' once", file=sys.stderr)
            return 2
        path.write_text(text.replace(old, new), encoding="utf-8")
        return 0 if run_cases(cases, copy) else 1


if __name__ == "__main__":
    sys.exit(main())
