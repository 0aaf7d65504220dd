#!/usr/bin/env python3
"""Recording and replaying: traces.py BUILD."""

import json
import os
import sys

import support


class Traces(support.ToolTest):
    def record(self, name, *command, status=0, words=()):
        self.hakmem("record", "-o", name, *words, "--", *command, status=status)
        return self.folder / name

    def replay(self, *words, status=0):
        return json.loads(self.hakmem("replay", "--json", *words, status=status).stdout)

    def test_same_addresses(self):
        program = "x = [str(i) * (i % 50) for i in range(20000)]; import json; json.loads(json.dumps(x))"
        query = ("create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where "
                 "x < 3000) insert into t select x, hex(randomblob(x % 300)) from c; select max(b) > '' from t;")
        for name, command in (("python", ("/usr/bin/python3", "-c", program)), ("sqlite", ("sqlite3", ":memory:", query)),
                              ("git", ("git", "--version"))):
            with self.subTest(name):
                trace = self.record(name, *command)
                out = self.replay(trace)
                self.assertEqual((out["mismatches"], out["signal"], out["threads"]), (0, 0, 1))
                self.assertGreater(out["done"], 30)

    def test_another_seed_is_noticed(self):
        """The comparison can fail: with the seed in the header changed the addresses differ."""
        trace = self.record("seed", "/usr/bin/python3", "-c", "pass")
        data = bytearray(trace.read_bytes())
        data[32] ^= 0x55  # TraceHeader::seed
        trace.write_bytes(data)
        self.assertGreater(self.replay(trace, status=1)["mismatches"], 10)

    def test_same_verdicts(self):
        trace = self.record("double", self.misuse, "double", status=-6)
        out = self.replay(trace)
        self.assertEqual((out["faults"], out["same_faults"], out["signal"]), (1, True, 6))
        trace = self.record("survived", self.misuse, "double", words=("--set", "on_fault=continue"))
        out = self.replay(trace)
        self.assertEqual((out["faults"], out["same_faults"], out["mismatches"]), (1, True, 0))

    def test_threads(self):
        trace = self.record("threads", self.build / "tests/tools/tools_threads")
        stats = json.loads(self.hakmem("stats", "--json", trace).stdout)
        self.assertEqual(stats["threads"], 5)
        self.assertEqual(stats["frees_by_other_threads"], 4 * 3000)
        out = self.replay(trace)
        self.assertEqual((out["threads"], out["signal"], out["faults"]), (5, 0, 0))
        self.assertGreaterEqual(out["done"], 4 * 3000 * 2)

    def test_debug_library(self):
        trace = self.record("debug", "/usr/bin/python3", "-c", "pass", words=("--debug",))
        self.assertEqual(self.replay("--debug", trace)["mismatches"], 0)

    def test_other_allocators(self):
        trace = self.record("any", "/usr/bin/python3", "-c", "pass")
        for name in ("libc", self.build / "libhakmem.so"):
            out = self.replay("--allocator", name, trace)
            self.assertGreater(out["done"], 100)
        self.refused(2, "cannot read the library", "replay", "--allocator", "nowhere.so", trace)

    def test_every_program_has_its_own(self):
        self.record("many", "sh", "-c", "/bin/ls / ; /bin/ls / ; exec /usr/bin/sort /dev/null")
        names = sorted(path.name for path in self.folder.iterdir())
        self.assertEqual(len(names), 4, names)
        self.assertEqual(len([name for name in names if name.startswith("many.ls.")]), 2, names)
        self.assertEqual(len([name for name in names if name.startswith("many.sort.")]), 1, names)

    def test_child_of_fork_writes_nothing(self):
        program = "import os; p = os.fork(); x = bytearray(10**6); os.wait() if p else os._exit(0)"
        trace = self.record("fork", "/usr/bin/python3", "-c", program)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["fork"])
        self.assertEqual(self.replay(trace)["mismatches"], 0)

    def test_nothing_is_overwritten(self):
        (self.folder / "old").write_text("precious")
        self.refused(125, "--force", "record", "-o", "old", "true")
        self.assertEqual((self.folder / "old").read_text(), "precious")
        self.hakmem("record", "--force", "-o", "old", "/bin/ls")
        self.assertGreater(self.replay("old")["done"], 0)
        self.refused(125, "cannot write", "record", "-o", "no/such/folder", "true")

    def test_damaged_traces(self):
        whole = self.record("whole", "/bin/ls", "/").read_bytes()
        for name, data, words in (
                ("empty", b"", "no trace"), ("text", b"hakmem" * 2000, "holds no|cannot|expected|hakmem-script|replay"),
                ("version", whole[:12] + b"\1" + whole[13:], "another version"),
                ("header", whole[:4096], "holds no operations"),
                ("record", whole[:4096 + 28] + b"\xff" + whole[4096 + 29:], "damaged record")):
            (self.folder / name).write_bytes(data)
            if name not in ("text", "empty"):
                self.refused(2, words, "replay", name)
            if name != "header":  # nothing happened in it, which is an answer
                self.refused(2, "no trace|" + words, "stats", name)
        self.refused(2, "cannot read missing", "replay", "missing")
        # Cut in the middle, as by a full disk: what is there replays.
        (self.folder / "cut").write_bytes(whole[:4096 + 24 * 100])
        self.assertEqual(self.replay("cut")["mismatches"], 0)

    def test_no_descriptor(self):
        done = self.hakmem("run", "--set", "trace=fd:2", "/bin/ls", "/")
        self.assertIn("HAKMEM_TRACE=fd:2 is not valid; accepted: a path of up to 255 bytes\n", done.stderr)
        done = self.hakmem("run", "--set", "trace=/nowhere/x", "/bin/ls", "/")
        self.assertIn("cannot write the trace /nowhere/x", done.stderr)

    def test_scripts(self):
        script = next((support.Path(__file__).parents[1] / "replay").glob("*.script"))
        self.assertIn("ok", self.hakmem("replay", script).stdout)


if __name__ == "__main__":
    if os.environ.get("HAKMEM_TRACE"):
        sys.exit("traces.py: not under a recording")
    sys.exit(support.main())
