#!/usr/bin/env python3
"""Executions per CPU second of a libFuzzer target on random scripts of 128 operations: speed.py BINARY."""

import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS, REPEATS, ROUNDS, OPERATIONS = 200, 20, 3, 128


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        print("usage: speed.py BINARY", file=sys.stderr)
        return 2
    source = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        inputs = [Path(directory) / str(number) for number in range(SCRIPTS)]
        for path in inputs:
            path.write_bytes(bytes(5) + source.randbytes(5 * OPERATIONS))
        best = 0.0
        for _ in range(ROUNDS):
            begin = cpu_seconds()
            subprocess.run([sys.argv[1], f"-runs={REPEATS}", *inputs], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            best = max(best, SCRIPTS * REPEATS / (cpu_seconds() - begin))
    print(f"{best:.0f} executions per CPU second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
