#!/usr/bin/env python3
"""Looking at a heap from outside: stats of a process, figures at exit: outside.py BUILD."""

import json
import os
import subprocess
import sys

import support


class Stats(support.ToolTest):
    def waiting(self, **env):
        process = subprocess.Popen([self.command, "run", self.misuse, "wait"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, env={**support.CLEAN, **env})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_live_process(self):
        process = self.waiting()
        out = json.loads(self.hakmem("stats", "--json", process.pid).stdout)
        hundred = next(entry for entry in out["classes"] if entry["usable_bytes"] == 111)
        self.assertEqual(hundred["live"], 1000)
        self.assertEqual((out["threads"], out["process"]), (1, process.pid))
        self.assertGreater(out["resident_bytes"], 100_000)
        self.assertLess(out["live_bytes"], out["resident_bytes"])
        self.assertIn("fragmentation", self.hakmem("stats", process.pid).stdout)

    def test_processes_without(self):
        self.refused(2, "no process", "stats", "999999999")
        self.refused(2, "does not run on hakmem", "stats", os.getpid())
        process = self.waiting(HAKMEM_FORCE_LIBC="1")
        self.refused(2, "HAKMEM_FORCE_LIBC", "stats", process.pid)


class AtExit(support.ToolTest):
    def test_statistics(self):
        self.hakmem("run", "--set", f"stats_file={self.folder}/stats", self.misuse, "clean")
        line = json.loads((self.folder / "stats").read_text())
        self.assertGreaterEqual(line["live_bytes"], 5000)
        done = self.hakmem("run", "--set", "stats_file=fd:2", self.misuse, "clean")
        self.assertIn("live_blocks", json.loads(done.stderr))
        done = self.hakmem("run", "--set", "stats_file=fd:x", self.misuse, "clean")
        self.assertIn("HAKMEM_STATS_FILE=fd:x is not valid", done.stderr)

    def test_heap_profile(self):
        """In the text form that pprof reads, from Debug and from Release."""
        for words in (("--debug",), ()):
            profile = self.folder / f"profile{len(words)}"
            self.hakmem("run", *words, "--set", f"heap_profile={profile}", self.misuse, "clean")
            lines = profile.read_text().splitlines()
            self.assertRegex(lines[0], r"^heap profile: \d+: \d+ \[\d+: \d+\] @ heapprofile$")
            self.assertTrue(any(line.startswith("1: 5000 [1: 5000] @ 0x") for line in lines[1:]), lines[:9])
            self.assertIn("MAPPED_LIBRARIES:", lines)
            self.assertTrue(any("tools_misuse" in line for line in lines))


if __name__ == "__main__":
    sys.exit(support.main())
