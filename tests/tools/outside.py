#!/usr/bin/env python3
"""Looking at a heap from outside: stats of a process, figures at exit: outside.py BUILD."""

import json
import os
import subprocess
import sys

import support


class Stats(support.ToolTest):
    def waiting(self, *words, **env):
        process = subprocess.Popen([self.command, "run", *words, self.misuse, "wait"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, env={**support.CLEAN, **env})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_live_process(self):
        process = self.waiting(HAKMEM_GUARD_SAMPLE="0")  # all blocks of the class lie in its slabs
        out = json.loads(self.hakmem("stats", "--json", process.pid).stdout)
        hundred = next(entry for entry in out["classes"] if entry["usable_bytes"] == 111)
        self.assertEqual(hundred["live"], 1000)
        self.assertEqual((out["threads"], out["process"]), (1, process.pid))
        self.assertGreater(out["resident_bytes"], 100_000)
        self.assertLess(out["live_bytes"], out["resident_bytes"])
        self.assertIn("fragmentation", self.hakmem("stats", process.pid).stdout)

    def test_quarantine_is_not_live(self):
        process = self.waiting("--debug", HAKMEM_GUARD_SAMPLE="0")
        out = json.loads(self.hakmem("stats", "--json", process.pid).stdout)
        hundred = next(entry for entry in out["classes"] if entry["usable_bytes"] == 111)
        self.assertEqual((hundred["live"], hundred["withheld"] > 0), (1000, True))

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


class Gdb(support.ToolTest):
    SCRIPT = support.Path(__file__).resolve().parents[2] / "tools/gdb/hakmem-gdb.py"

    def gdb(self, library, *commands) -> str:
        words = ["gdb", "-q", "-nx", "-batch", "-ex", "set startup-with-shell off",
                 "-ex", f"set environment LD_PRELOAD {self.build / library}",
                 "-ex", "set environment HAKMEM_ON_FAULT continue", "-ex", "break free_again", "-ex", "run",
                 "-ex", f"source {self.SCRIPT}"]
        for command in commands:
            words += ["-ex", command]
        done = subprocess.run([*words, str(self.misuse)], capture_output=True, text=True, env=support.CLEAN,
                              stdin=subprocess.DEVNULL, timeout=120)
        return done.stdout + done.stderr

    def test_commands(self):
        out = self.gdb("libhakmem-debug.so", "hakmem heap", "hakmem addr p + 3", "hakmem addr kept",
                       "hakmem addr $sp", "hakmem threads", "hakmem addr")
        for words in (r"\n +5119 +1 +50 +1 +0 +0\n", r"\n +111 +1 +548 +\d+ +0 +1\n",
                      r"3 bytes into block 0x[0-9a-f]+, freed, in quarantine, 111 usable bytes",
                      r"freed by thread \d+:\n +#0 0x[0-9a-f]+ main at \S+misuse\.c:\d+",
                      r"live, 5119 usable bytes", r"5000 bytes were asked for",
                      r"allocated by thread \d+:\n +#0 0x[0-9a-f]+ make at", r"is not in the heap",
                      r"\n +1 +\d+  yes +\d+\n", r"usage: hakmem addr"):
            self.assertRegex(out, words)

    def test_release_stripped(self):
        stripped = self.folder / "libhakmem.so"
        subprocess.run(["strip", "-o", stripped, self.build / "libhakmem.so"], check=True)
        out = self.gdb(stripped, "hakmem addr kept", "hakmem heap")
        self.assertRegex(out, r"live, 5119 usable bytes")
        self.assertRegex(out, r"large: 0 live")

    def test_printers(self):
        out = self.gdb("libhakmem.so", "set language c++", "print *(hak::Span*) hakmem_layout.spans",
                       "print ((hak::ThreadCache*) *(unsigned long*) hakmem_layout.caches_at)->pairs[5]")
        self.assertRegex(out, r"= (slab of \d+ bytes|large block of|free span of|none span of)")
        self.assertRegex(out, r"= magazines at 0x[0-9a-f]+ and 0x[0-9a-f]+, capacity \d+")

    def test_program_without(self):
        out = subprocess.run(["gdb", "-q", "-nx", "-batch", "-ex", "break free_again", "-ex", "run", "-ex",
                              f"source {self.SCRIPT}", "-ex", "hakmem heap", str(self.misuse)], capture_output=True,
                             text=True, env=support.CLEAN, stdin=subprocess.DEVNULL, timeout=120)
        self.assertIn("no hakmem in this program", out.stderr)


class Probes(support.ToolTest):
    def test_listed(self):
        notes = subprocess.run(["readelf", "-n", self.build / "libhakmem.so"], capture_output=True, text=True,
                               check=True).stdout
        for name in ("refill", "flush", "remote_free", "large", "purge", "fault"):
            self.assertRegex(notes, rf"Provider: hakmem\s+Name: {name}\s")


if __name__ == "__main__":
    sys.exit(support.main())
