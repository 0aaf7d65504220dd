#!/usr/bin/env python3
"""Tests of the runner itself: above all that it fails when a cell is worse than the contract."""

from __future__ import annotations

import pathlib
import signal
import tempfile
import unittest

import corpus
import outcome
import table
from outcome import EXPLOIT, FREE, MISUSE, SETUP, Outcome

HEADER = """// attack: frees twice
// fault: double-free
// cases: 24 5000 odd
// glibc: ..1032 succeeds
// glibc: * abort "double free or corruption"
// hakmem: fast 24 survives
// hakmem: no-light-guards 5000 succeeds
// hakmem: paranoid odd succeeds p<=1/64 in 100
// hakmem: * * double-free|racing-free@at-call or segv@at-free
int main() {}
"""


def report(fault: str, pointer: int, summary: str | None = None) -> str:
    return (f"==7==ERROR: hakmem: {fault} on address {pointer:#x}\n"
            f"hakmem-report: fault={fault} api=free ptr={pointer:#x} seed=0x5\n"
            f"SUMMARY: hakmem: {summary or fault} somewhere\n")


def read(text: str) -> corpus.Program:
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "double_free" / "twice.cc"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return corpus.load(pathlib.Path(directory))[0]


class CorpusTest(unittest.TestCase):
    def test_first_line_that_fits_decides(self) -> None:
        program = read(HEADER)
        self.assertEqual(program.expected("fast", "24", True)[0].kind, "survives")
        self.assertEqual(program.expected("fast", "odd", True)[0].faults,
                         ("double-free", "racing-free"))
        self.assertEqual(program.expected("hardened", "5000", False)[0].kind, "succeeds")
        self.assertEqual(program.expected("hardened", "5000", True)[1].when, "at-free")
        self.assertEqual(program.expected("glibc", "5000", True)[0].text,
                         "double free or corruption")
        self.assertEqual(program.size_range("5000"), "medium")
        self.assertEqual(read(HEADER.replace("// glibc", "// range: any\n// glibc", 1))
                         .size_range("5000"), "any")
        self.assertEqual(program.expected("paranoid", "odd", True)[0].trials, 100)

    def test_every_cell_must_be_filled(self) -> None:
        with self.assertRaisesRegex(corpus.CorpusError, "no hakmem line fits"):
            read(HEADER.replace("// hakmem: * *", "// hakmem: fast *"))
        with self.assertRaisesRegex(corpus.CorpusError, "no cases line"):
            read(HEADER.replace("// cases: 24 5000 odd\n", ""))

    def test_nonsense_is_refused(self) -> None:
        for wrong in ("fails", "double-free@sometime", "abort text", "succeeds p<=1 in 4"):
            with self.assertRaises(corpus.CorpusError):
                corpus.parse_verdicts(wrong)
        with self.assertRaisesRegex(corpus.CorpusError, "no such profile"):
            read(HEADER.replace("fast 24", "quick 24"))
        with self.assertRaisesRegex(corpus.CorpusError, "no such range"):
            read(HEADER.replace("// glibc", "// range: huge\n// glibc", 1))

    def test_size_ranges(self) -> None:
        sizes = {"24": "tiny", "1024": "tiny", "1025": "medium", "32783": "medium",
                 "32784": "large", "odd": "any", "-": "any"}
        for case, expected in sizes.items():
            self.assertEqual(corpus.size_range(case), expected)


class ClassifyTest(unittest.TestCase):
    def classify(self, status, stdout="", stderr="", stage=MISUSE, operations=0, pointer=0):
        return outcome.classify(status, stdout, stderr, stage, operations, pointer)

    def test_ends(self) -> None:
        self.assertEqual(self.classify(0, "ATTACK-SUCCEEDED x\n").kind, "succeeds")
        self.assertEqual(self.classify(3, "ATTACK-FAILED x\n").kind, "survives")
        self.assertEqual(self.classify(0, "CONTROL-CLEAN x\n").kind, "clean")
        self.assertEqual(self.classify(2, "ATTACK-BROKEN x\n").kind, "broken")
        self.assertEqual(self.classify(0, "").kind, "broken")
        self.assertEqual(self.classify(1, "ATTACK-SUCCEEDED x\n").kind, "broken")
        self.assertEqual(self.classify(-signal.SIGSEGV).faults, ("segv",))
        self.assertEqual(self.classify(-signal.SIGABRT, "", "free(): bad\n").detail, "free(): bad")

    def test_stage_tells_when(self) -> None:
        text = report("overflow", 16)
        for stage, when in ((MISUSE, "at-call"), (FREE, "at-free"), (EXPLOIT, "later")):
            found = self.classify(-signal.SIGABRT, "", text, stage, 9, 16)
            self.assertEqual((found.kind, found.faults, found.when, found.operations, found.seed),
                             ("stopped", ("overflow",), when, 9, "0x5"))

    def test_before_the_misuse_nothing_counts(self) -> None:
        for text in (report("overflow", 16), ""):
            self.assertEqual(self.classify(-signal.SIGABRT, "", text, SETUP).kind, "broken")

    def test_report_must_hold_together(self) -> None:
        abort = -signal.SIGABRT
        self.assertEqual(self.classify(abort, "", report("overflow", 16), pointer=32).kind,
                         "broken")
        self.assertEqual(self.classify(abort, "", report("overflow", 16, "other")).kind, "broken")
        self.assertEqual(self.classify(-9, "", report("overflow", 16)).kind, "broken")
        cut = report("overflow", 16).split("\n", 1)[1]
        self.assertEqual(self.classify(abort, "", cut).kind, "broken")
        self.assertEqual(self.classify(0, "ATTACK-SUCCEEDED\n", report("overflow", 16)).kind,
                         "broken")

    def test_library_that_is_not_there(self) -> None:
        text = "ERROR: ld.so: object 'x.so' from LD_PRELOAD cannot be preloaded: ignored.\n"
        self.assertEqual(self.classify(0, "ATTACK-SUCCEEDED x\n", text).kind, "broken")


class CompareTest(unittest.TestCase):
    def compare(self, expected: str, found: Outcome, target: str = "hardened") -> str:
        return outcome.compare(corpus.parse_verdicts(expected), found, target)

    def test_worse_is_found(self) -> None:
        stopped = Outcome("stopped", ("overflow",), "at-free")
        self.assertEqual(self.compare("overflow@at-free", stopped), "as expected")
        self.assertEqual(self.compare("overflow@at-call", stopped), "worsens")
        self.assertEqual(self.compare("overflow@at-free", Outcome("survives")), "worsens")
        self.assertEqual(self.compare("survives", Outcome("succeeds")), "worsens")
        self.assertEqual(self.compare("overflow@at-free or survives", Outcome("succeeds")),
                         "worsens")

    def test_better_is_said(self) -> None:
        stopped = Outcome("stopped", ("overflow",), "at-free")
        self.assertEqual(self.compare("overflow@refill-flush", stopped), "improves")
        self.assertEqual(self.compare("succeeds", Outcome("survives")), "improves")
        self.assertEqual(self.compare("survives", stopped), "improves")

    def test_other_is_found(self) -> None:
        other = Outcome("stopped", ("corrupt-header",), "at-free")
        crash = Outcome("stopped", ("segv",), "at-call")
        self.assertEqual(self.compare("overflow@at-free", other), "differs")
        self.assertEqual(self.compare("overflow@at-free", crash), "differs")
        self.assertEqual(self.compare("succeeds", crash), "differs")
        self.assertEqual(self.compare("clean", other), "differs")
        self.assertEqual(self.compare("succeeds", Outcome("abort", detail="x")), "differs")
        self.assertEqual(self.compare("succeeds", Outcome("hang")), "differs")
        both = Outcome("stopped", ("overflow", "corrupt-header"), "at-free")
        self.assertEqual(self.compare("overflow@at-free", both), "differs")

    def test_glibc_must_be_as_said(self) -> None:
        self.assertEqual(self.compare("succeeds", Outcome("survives"), "glibc"), "differs")
        self.assertEqual(self.compare('abort "dou"', Outcome("abort", detail="double"), "glibc"),
                         "as expected")


class ChanceTest(unittest.TestCase):
    def test_bound_is_where_the_tail_is_rarer_than_the_rate(self) -> None:
        # P(X >= 20) for ten fair coins is 0; all ten heads have chance 2^-10.
        self.assertEqual(outcome.upper_bound(10, 0.5, alpha=0.01), 9)
        self.assertEqual(outcome.upper_bound(10, 0.5, alpha=0.0005), 10)
        limit = outcome.upper_bound(500, 1 / 64)
        self.assertTrue(20 < limit < 30, limit)

    def test_too_few_runs_are_refused(self) -> None:
        verdict = corpus.parse_verdict("succeeds p<=1/2 in 10")
        result, text = outcome.run_chance(pathlib.Path("/bin/true"), "-",
                                          outcome.Target("glibc", None, None), verdict)
        self.assertEqual(result, "differs")
        self.assertIn("too few", text)

    def test_certain_success_is_found(self) -> None:
        self.assertLess(outcome.upper_bound(60, 1 / 4), 60)


class TableTest(unittest.TestCase):
    def test_worst_outcome_is_shown(self) -> None:
        program = read(HEADER)
        cells = [table.Cell(program, "24", "fast", "as expected", "double-free@at-call"),
                 table.Cell(program, "24", "hardened", "as expected", "survives"),
                 table.Cell(program, "24", "fast", "as expected", "double-free@later (7 ops)")]
        text = table.write(cells, ["fast", "hardened"])
        self.assertIn("| double-free | tiny | double-free@later, within 7 ops | survives |", text)
        self.assertIn("7-7 ops", text)
        self.assertIn("`double_free/twice/24`", text)


if __name__ == "__main__":
    unittest.main()
