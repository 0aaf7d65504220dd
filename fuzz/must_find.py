#!/usr/bin/env python3
"""A target on its corpus must notice a mistake: must_find.py FAULT PROGRAM CORPUS.

FAULT is a seeded fault of a tree with HAKMEM_SEEDED, or - for a program that is wrong by itself. Passes
if the target stops with an abort, or is stopped by the fault.
"""

import os
import subprocess
import sys


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: must_find.py FAULT|- PROGRAM CORPUS", file=sys.stderr)
        return 2
    fault, program, corpus = sys.argv[1:]
    environment = dict(os.environ) if fault == "-" else dict(os.environ, HAKMEM_SEEDED_FAULT=fault)
    done = subprocess.run([program, corpus], env=environment, text=True, errors="replace", check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print((done.stdout.splitlines() or ["nothing was said"])[0])
    if done.returncode >= 0:
        print(f"{program} ends with {done.returncode}: it does not find {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
