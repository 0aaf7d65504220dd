"""What the lab's tests share: the folders, and running a tool."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.dirname(HERE)
sys.path[:0] = [BENCH, os.path.join(BENCH, "counts")]


def program(name):
    """A built program, from the folder CMake names."""
    return os.path.join(os.environ["HAKMEM_BENCH_BUILD"], name)


def run(*command, **environment):
    """Runs a command and returns what it did."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240,
                          env={**os.environ, **environment})


def script(name, *arguments):
    """Runs one of the lab's scripts."""
    return run(sys.executable, "-B", os.path.join(BENCH, name), *arguments)
