"""Bad input ends every tool with one clear line and a status that is not 0."""

import os
import tempfile
import unittest

import lab


class OneLine(unittest.TestCase):
    def expect(self, run, text):
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(run.stdout, "")
        lines = run.stderr.splitlines()
        self.assertEqual(len(lines), 1, run.stderr)
        self.assertIn(text, lines[0])


class Runner(OneLine):
    def bench(self, *arguments):
        return lab.run(lab.program("hakmem-bench"), *arguments)

    def test_hakmem_bench(self):
        self.expect(self.bench(), "usage: hakmem-bench")
        self.expect(self.bench("nothing"), "unknown workload (--list names them) 'nothing'")
        self.expect(self.bench("mixed", "--ops", "many"), "--ops takes a number from 1")
        self.expect(self.bench("mixed", "--ops", "-1"), "--ops takes a number from 1")
        self.expect(self.bench("mixed", "--threads", "0"), "--threads takes a number")
        self.expect(self.bench("mixed", "--threads"), "a value must follow '--threads'")
        self.expect(self.bench("mixed", "--speed", "1"), "unknown option '--speed'")
        self.expect(self.bench("pair64", "--live", "5"), "--live means nothing for 'pair64'")
        self.expect(self.bench("fragmentation", "--threads", "2"),
                    "--threads cannot be changed for 'fragmentation'")
        self.expect(self.bench("producer-consumer", "--threads", "3"), "even number of threads")

    def test_hakmem_launch(self):
        launch = lab.program("hakmem-launch")
        self.expect(lab.run(launch), "usage: hakmem-launch")
        self.expect(lab.run(launch, "none", "/dev/null", "--", "true"), "COUNT must be")
        self.expect(lab.run(launch, "1", "/dev/null", "FOO", "--", "true"), "not NAME=VALUE")
        self.expect(lab.run(launch, "1", "/dev/null", "--", "/no/such"), "No such file")

    def test_count_driver(self):
        driver = lab.program("hakmem-count-driver")
        self.expect(lab.run(driver), "usage: hakmem-count-driver")
        self.expect(lab.run(driver, "pair-64", "x"), "OPS must be a number")
        self.expect(lab.run(driver, "pair-63", "10"), "unknown path")
        self.expect(lab.run(driver, "pair-64", "10", "fast"), "can only be: stand-in, step")


class Counts(OneLine):
    def counts(self, *arguments):
        return lab.script("counts/counts.py", "--driver", lab.program("hakmem-count-driver"),
                          *arguments)

    def test_libraries(self):
        self.expect(self.counts("--lib", "nomalloc"), "unknown peer 'nomalloc'")
        self.expect(self.counts("--lib", "x=/no/such.so"), "no library at '/no/such.so'")
        self.expect(self.counts("--lib", "glibc", "--lib", "glibc="), "'glibc' is given twice")
        self.expect(self.counts("--lib", "glibc=,FAST"), "'FAST' in 'glibc=,FAST'")

    def test_paths_and_driver(self):
        self.expect(self.counts("--paths", "pair-63"), "unknown path 'pair-63'")
        self.expect(lab.script("counts/counts.py", "--driver", "/no/driver"),
                    "no driver at '/no/driver'")

    def test_an_unwritable_output_is_named(self):
        run = self.counts("--paths", "pair-64", "--divide", "100", "--json", "/no/such/file")
        self.assertEqual(run.returncode, 2)
        self.assertEqual(run.stderr, "counts.py: /no/such/file: No such file or directory\n")

    def test_golden(self):
        self.expect(self.counts("--check-golden", "/no/table"), "cannot read golden table")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write('{"paths": {"pair-64": {"instructions": 1}}}')
            file.flush()
            self.expect(self.counts("--check-golden", file.name), "path pair-64 lacks")
            file.write("?")
            file.flush()
            self.expect(self.counts("--check-golden", file.name), "is not JSON")


class Compare(OneLine):
    def compare(self, *arguments):
        return lab.script("run.py", "--build", os.environ["HAKMEM_BENCH_BUILD"], "--out",
                          self.folder.name, *arguments)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_peers(self):
        self.expect(self.compare("--lib", "/no/such.so"), "no library at '/no/such.so'")
        self.expect(self.compare("--lib", "none", "--peers", "dlmalloc"), "unknown peer")
        self.expect(self.compare("--lib", "none", "--peer", "fast"), "unknown peer 'fast'")

    def test_numbers(self):
        self.expect(self.compare("--lib", "none", "--rounds", "0"), "must be at least 1")
        self.expect(self.compare("--lib", "none", "--spread-limit", "0"), "--spread-limit")

    def test_workloads(self):
        self.expect(self.compare("--lib", "none", "--peers", "glibc", "--workloads", "slow"),
                    "unknown workload 'slow'")

    def test_a_missing_peer_names_its_package(self):
        import hakbench.peers as peers
        known = dict(peers.KNOWN)
        self.addCleanup(peers.KNOWN.update, known)
        peers.KNOWN["jemalloc"] = (("/no/such/lib*.so",), "libjemalloc2")
        peers.KNOWN["mimalloc"] = (("/no/such/lib*.so",), "libmimalloc2.0")
        with self.assertRaises(peers.BenchError) as failure:
            peers.resolve(["glibc", "jemalloc", "mimalloc"])
        self.assertEqual(str(failure.exception), "peers are not installed: "
                         "apt-get install libjemalloc2 libmimalloc2.0")

    def test_a_short_comparison_ends_in_a_report(self):
        run = self.compare("--lib", "none", "--peers", "glibc", "--workloads", "pair16", "lifo",
                           "--rounds", "3", "--divide", "1000", "--spread-limit", "9")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("glibc 1.00 (2)", run.stdout)
        files = set(os.listdir(self.folder.name))
        self.assertEqual(files, {"report.md", "report.html", "results.json", "workloads.svg"})


if __name__ == "__main__":
    unittest.main()
