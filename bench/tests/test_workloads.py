"""Every workload once, very short: under glibc, or under HAKMEM_BENCH_LIBRARY."""

import json
import os
import tempfile
import unittest

import lab
from hakbench import cases
from hakbench.peers import Peer

LIBRARY = os.environ.get("HAKMEM_BENCH_LIBRARY", "")
PEER = Peer("hakmem", os.path.realpath(LIBRARY)) if LIBRARY else Peer("glibc", "")
EXPECTED = {
    "mixed", "c6", "c7", "small", "big", "live100k", "replace", "replace-small", "pair16",
    "pair64", "pair512", "pair4096", "batch100", "lifo", "fifo", "random-free", "calloc",
    "realloc-growth", "aligned", "new-delete", "larson", "producer-consumer", "cache-scratch",
    "cache-thrash", "churn", "fragmentation", "large", "purge-and-regrow", "address-space"}
# The driver's ops and its threads' live objects, small enough for a second in all.
DIVIDE = 1000


class Workloads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.known = cases.list_workloads(lab.program("hakmem-bench"))

    def run_case(self, name, **numbers):
        case = cases.make_case(lab.program("hakmem-bench"), self.known[name], DIVIDE, **numbers)
        return case, case.run(PEER)

    def test_the_list_is_complete(self):
        self.assertEqual(set(self.known), EXPECTED)

    def test_each_runs_and_reports_what_it_did(self):
        for name in self.known:
            with self.subTest(name):
                case, row = self.run_case(name)
                self.assertEqual(row["workload"], name)
                self.assertGreaterEqual(row["ops"], min(case.ops, 1))
                self.assertGreater(row["seconds"], 0)
                self.assertGreaterEqual(row["rss_peak_kib"], row["rss_end_kib"])
                self.assertGreater(row["rss_start_kib"], 0)
                self.assertEqual(row["clock"], "cpu" if case.threads == 1 else "wall")

    def test_threads_do_their_work_each(self):
        for name, row in self.known.items():
            if not row["any_threads"]:
                continue
            with self.subTest(name):
                _, two = self.run_case(name, threads=2)
                _, four = self.run_case(name, threads=4)
                self.assertEqual(four["ops"], 2 * two["ops"])

    def test_live_bytes_follow_the_number_of_objects(self):
        _, few = self.run_case("replace-small", live=1000)
        _, many = self.run_case("replace-small", live=100000)
        self.assertAlmostEqual(few["live_peak_bytes"] / 72000, 1, delta=0.1)
        self.assertAlmostEqual(many["live_peak_bytes"] / 7200000, 1, delta=0.1)
        self.assertGreater(many["rss_peak_kib"] * 1024, many["live_peak_bytes"])

    def test_the_same_seed_asks_for_the_same_memory(self):
        _, first = self.run_case("mixed")
        _, second = self.run_case("mixed")
        self.assertEqual(first["live_peak_bytes"], second["live_peak_bytes"])

    def test_the_drift_samples_memory_while_it_is_live(self):
        _, row = self.run_case("fragmentation")
        self.assertGreater(row["sampled_live_bytes"], 0)
        self.assertGreater(row["sampled_resident_kib"] * 1024, row["sampled_live_bytes"])

    def test_a_preload_that_did_not_take_is_refused(self):
        case = cases.make_case(lab.program("hakmem-bench"), self.known["pair16"], DIVIDE)
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            with self.assertRaises(cases.CaseFailed) as failure:
                case.run(Peer("broken", os.path.realpath(file.name)))
        self.assertIn("preload", str(failure.exception))


class Launcher(unittest.TestCase):
    def test_reports_the_program_and_not_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report")
            run = lab.run(lab.program("hakmem-launch"), "5", report, *(
                [f"LD_PRELOAD={PEER.path}"] if PEER.path else []), "--", "true")
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(report, encoding="ascii") as file:
                row = json.load(file)
        self.assertGreater(row["minor_faults"], 10)
        self.assertGreater(row["wall_seconds"], 0)

    def test_hands_on_a_failure(self):
        run = lab.run(lab.program("hakmem-launch"), "5", "/dev/null", "--", "false")
        self.assertEqual(run.returncode, 1)


class SystemCalls(unittest.TestCase):
    def test_strace_totals_are_read(self):
        text = ("% time     seconds  usecs/call     calls    errors syscall\n"
                " 60.00    0.000100           5        20         1 mmap\n"
                "------ ----------- ----------- --------- --------- ----------------\n"
                "100.00    0.000167           4        37         1 total\n")
        self.assertEqual(cases.parse_strace(text), 37)

    def test_no_total_is_a_failure(self):
        with self.assertRaises(cases.CaseFailed):
            cases.parse_strace("strace: nothing\n")


if __name__ == "__main__":
    unittest.main()
