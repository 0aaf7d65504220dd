#!/usr/bin/env python3
"""Compares the peak resident memory of a command plain and with a malloc library preloaded.

  rss.py --lib build/release/libhakmem.so -- g++ -std=c++17 -O1 -c workloads/heavy.cpp -o /dev/null
  PYTHONMALLOC=malloc rss.py --lib build/release/libhakmem.so -- \\
    /usr/bin/python3 workloads/workload.py

The figure is that of the largest process of the command (ru_maxrss of wait4), and the median over
the runs, which alternate. With --max-ratio the exit status says whether the ratio is kept.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path


class Unusable(Exception):
    pass


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lib", type=Path, required=True, help="the malloc library to preload")
    parser.add_argument("--runs", type=int, default=3, help="of each kind (default %(default)s)")
    parser.add_argument("--max-ratio", type=float, help="end with 1 if it takes more than this")
    parser.add_argument("command", nargs="+", metavar="CMD", help="after --")
    return parser.parse_args()


def peak_kib(command: list[str], library: Path | None) -> int:
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    if library is not None:
        environment["LD_PRELOAD"] = str(library)
    try:
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except OSError as error:
        raise Unusable(f"cannot start '{command[0]}': {error.strerror}") from error
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        how = "plain" if library is None else "preloaded"
        raise Unusable(f"the {how} command ended with {child.returncode}: "
                       f"{said[-500:].decode(errors='replace').strip()}")
    if library is not None and b"cannot be preloaded" in said:
        raise Unusable(f"'{library}' cannot be preloaded")
    return usage.ru_maxrss


def main() -> int:
    arguments = parse_arguments()
    library = arguments.lib.resolve()
    try:
        if not library.is_file():
            raise Unusable(f"no library '{arguments.lib}'")
        if arguments.runs < 1:
            raise Unusable("--runs must be at least 1")
        # A child starts as a copy of this interpreter, and that counts as its memory too.
        floor = peak_kib(["/bin/true"], None)
        pairs = [(peak_kib(arguments.command, None), peak_kib(arguments.command, library))
                 for _ in range(arguments.runs)]
        plain, preloaded = (statistics.median(column) for column in zip(*pairs))
        if min(plain, preloaded) <= 1.2 * floor:
            raise Unusable(f"the command peaks at {plain} KiB, too close to the {floor} KiB "
                           "below which nothing can be measured")
    except Unusable as problem:
        print(f"rss.py: {problem}", file=sys.stderr)
        return 2
    ratio = preloaded / plain
    print(f"plain {plain / 1024:.1f} MiB, preloaded {preloaded / 1024:.1f} MiB, ratio {ratio:.3f} "
          f"(median of {arguments.runs})")
    if arguments.max_ratio is not None and ratio > arguments.max_ratio:
        print(f"rss.py: the ratio is more than {arguments.max_ratio}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
