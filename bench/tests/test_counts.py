"""The count tool: reading profiles, golden tables, and a real run under glibc."""

import json
import os
import tempfile
import unittest

import lab  # first: it says where the tools are
import callgrind
import golden

PROFILE = """# callgrind format
events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw Bc Bcm Bi Bim

fn=op_malloc
0 40 20 20
cfn=malloc
calls=20 3281
0 820 220 120 1 1 1 1 1 1 140 13
0 40 20

fn=malloc
7 800 220 120 0 0 0 0 0 0 140
+1 20
"""


class Parsing(unittest.TestCase):
    def test_self_and_inclusive_cost_are_told_apart(self):
        profile = callgrind.parse(PROFILE)
        self.assertEqual(profile.total["instructions"], 40 + 40 + 800 + 20)
        self.assertEqual(profile.called["op_malloc"]["instructions"], 820)
        self.assertEqual(profile.called["op_malloc"]["branches"], 140)
        self.assertEqual(profile.called["op_malloc"]["d1_misses"], 2)
        self.assertEqual(profile.calls["op_malloc"], 20)
        self.assertEqual(profile.self_cost["malloc"]["instructions"], 820)

    def test_missing_columns_at_the_end_are_zero(self):
        self.assertEqual(callgrind.parse(PROFILE).total["indirect"], 0)

    def test_bus_events_are_atomic_operations(self):
        profile = callgrind.parse("events: Ir Ge\nfn=free\n0 30 2\n")
        self.assertEqual(profile.total["atomics"], 2)
        self.assertEqual(profile.total["instructions"], 30)


TABLE = {"tolerance_percent": 2.0, "paths": {"pair-64": {"instructions": 100.0, "branches": 8.0}}}


def counts(instructions, branches):
    return {"pair-64": {"instructions": instructions, "branches": branches}}


class Golden(unittest.TestCase):
    def test_the_same_counts_pass(self):
        self.assertEqual(golden.differences(TABLE, counts(100.0, 8.0)), [])

    def test_a_small_difference_passes(self):
        self.assertEqual(golden.differences(TABLE, counts(101.9, 8.5)), [])

    def test_three_instructions_more_fail(self):
        (line,) = golden.differences(TABLE, counts(103.0, 8.0))
        self.assertEqual(line, "pair-64: instructions 103.0, golden 100.0: dearer")

    def test_one_branch_more_fails(self):
        (line,) = golden.differences(TABLE, counts(100.0, 9.0))
        self.assertIn("branches 9.0", line)

    def test_cheaper_fails_too(self):
        (line,) = golden.differences(TABLE, counts(90.0, 8.0))
        self.assertIn("cheaper", line)

    def test_a_path_that_was_not_measured_fails(self):
        self.assertEqual(golden.differences(TABLE, {}), ["pair-64: not measured"])


class RealRun(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def count(self, *arguments):
        return lab.script("counts/counts.py", "--driver", lab.program("hakmem-count-driver"),
                          "--divide", "10", *arguments)

    def test_the_two_ways_of_measuring_agree_on_glibc(self):
        run = self.count("--lib", "glibc", "--paths", "pair-64", "mixed", "realloc-in-place",
                         "--json", self.path("counts.json"))
        self.assertEqual(run.returncode, 0, run.stderr)
        with open(self.path("counts.json"), encoding="utf-8") as file:
            rows = json.load(file)["counts"]["glibc"]
        for path, row in rows.items():
            self.assertNotIn("doubt", row, path)
            self.assertGreater(row["instructions"], 20, path)
            self.assertAlmostEqual(row["instructions"], row["inside_calls"], delta=1, msg=path)
        pair = rows["pair-64"]
        self.assertAlmostEqual(pair["allocate"]["instructions"] + pair["free"]["instructions"],
                               pair["instructions"], delta=1)

    def test_golden_tables_are_written_and_checked(self):
        table = self.path("golden.json")
        run = self.count("--lib", "glibc", "--paths", "pair-64", "--write-golden", table)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.count("--lib", "glibc", "--check-golden", table).returncode, 0)
        with open(table, encoding="utf-8") as file:
            content = json.load(file)
        content["paths"]["pair-64"]["instructions"] -= 5
        with open(table, "w", encoding="utf-8") as file:
            json.dump(content, file)
        run = self.count("--lib", "glibc", "--check-golden", table)
        self.assertEqual(run.returncode, 1)
        self.assertIn("dearer", run.stdout)


if __name__ == "__main__":
    unittest.main()
