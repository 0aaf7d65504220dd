#!/usr/bin/env python3
"""Compiles one case of cases.cc and demands that it is refused for the right reason, in the right line.

usage: run.py CASE|control|list COMPILER [FLAG ...]
"""
import os
import re
import subprocess
import sys

from cases import FLAGS, REASONS

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.cc")


def lines_of(case):
    """Line numbers of the case's branch in the source."""
    inside = []
    taken = False
    for number, line in enumerate(open(SOURCE, encoding="utf-8"), 1):
        if re.match(r"#(if|elif|endif)", line):
            taken = f"defined(CASE_{case})" in line
        elif taken:
            inside.append(number)
    return inside


def compile_case(case, command):
    define = [] if case == "control" else [f"-DCASE_{case}"]
    run = subprocess.run([*command, *define, *FLAGS.get(case, []), "-fsyntax-only", "-w", SOURCE], capture_output=True,
                         text=True, check=False, timeout=120, env={**os.environ, "LC_ALL": "C"})
    return run.returncode, run.stderr


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    case, command = sys.argv[1], sys.argv[2:]
    if case == "list":
        in_source = set(re.findall(r"defined\(CASE_(\w+)\)", open(SOURCE, encoding="utf-8").read()))
        listed = set(os.environ["CASES"].split())
        if not in_source == set(REASONS) == listed:
            sys.exit(f"cases in source, table and CMake differ: {in_source ^ set(REASONS) | in_source ^ listed}")
        return
    status, text = compile_case(case, command)
    if case == "control":
        if status != 0:
            sys.exit(f"what is allowed does not compile\n{text}")
        return
    if status == 0:
        sys.exit(f"{case}: compiles")
    errors = re.findall(r"^(\S+?):(\d+):\d+: error: (.*)$", text, re.M)
    expected = lines_of(case)
    if not errors or not expected:
        sys.exit(f"{case}: no error in the compiler's form\n{text}")
    # A header may explain why something is deleted; the line that is refused must be the case's.
    ours = [int(line) for path, line, _ in errors if os.path.abspath(path) == SOURCE]
    if not ours or set(ours) - set(expected):
        sys.exit(f"{case}: the error is not in the case's lines {expected}\n{text}")
    if not re.search(REASONS[case], text):
        sys.exit(f"{case}: refused, but not because of /{REASONS[case]}/\n{text}")
    print(errors[0][2])


if __name__ == "__main__":
    main()
