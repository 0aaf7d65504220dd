"""Runs modules of Python's own test suite and prints the outcome of each test, one a line.

Usage: python_tests.py MODULE...   (such as test_dict). Ends with 1 if a test failed; tracebacks go
to stderr.
"""

import collections
import os
import sys
import tempfile
import unittest

from test import support


class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.lines = collections.Counter()

    def note(self, test, outcome: str) -> None:
        self.lines[f"{test.id()} {outcome}"] += 1

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "ok")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note(test, "failed as expected")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "ok unexpectedly")


def main() -> int:
    modules = sys.argv[1:]
    support.verbose = 0  # or tests print how long they slept
    os.chdir(tempfile.mkdtemp())  # some tests write into the current directory
    suite = unittest.TestLoader().loadTestsFromNames([f"test.{module}" for module in modules])
    outcomes = Outcomes()
    suite.run(outcomes)
    for line, times in sorted(outcomes.lines.items()):
        print(line if times == 1 else f"{line} x{times}")
    print(f"{outcomes.testsRun} tests")
    for test, trace in outcomes.errors + outcomes.failures:
        print(f"{test}\n{trace}", file=sys.stderr)
    return 0 if outcomes.testsRun > 0 and outcomes.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
