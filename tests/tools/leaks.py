#!/usr/bin/env python3
"""What `hakmem check` and HAKMEM_LEAKS call lost: leaks.py BUILD."""

import json
import re
import subprocess
import sys

import support

LARGE_BYTES = 1 << 20
LOST = {"lost_overwritten": (1, 101), "lost_past_the_end": (1, 104), "lost_cycle": (2, 64),
        "lost_large": (1, LARGE_BYTES), "lost_with_its_holder": (1, 107), "lost_in_a_destroyed_object": (1, 108),
        "lost_in_an_unmapped_page": (1, 109), "lost_in_a_dead_frame": (1, 110)}
KEPT = {"kept_by_a_global": (1, 201), "kept_in_a_list": (1000, 32000), "kept_by_the_inside": (1, 203),
        "kept_by_a_thread_local": (1, 204), "kept_in_a_vector": (2, 213),
        "kept_at_the_end_of_a_large_block": (2, LARGE_BYTES + 206), "kept_in_a_page": (1, 207),
        "kept_behind_a_closed_page": (1, 202),
        "kept_without_bytes": (1, 0)}
KEPT_BY_THREAD = {"kept_on_a_stack": (1, 208), "kept_by_a_thread_local_of_a_thread": (1, 209)}
KEPT_BY_THREADS = {**KEPT, **KEPT_BY_THREAD, "kept_in_a_register": (1, 210)}
LOST_TOTAL = tuple(map(sum, zip(*LOST.values())))

# The first block of a process, where the arena itself begins: nothing of the allocator's own may reach it.
# With an argument the process cannot open or map anything more at its exit.
FIRST = """#include <stdlib.h>
#include <sys/resource.h>
static void* volatile slot;
static void clear(void) { volatile char room[65536]; for (int i = 0; i < 65536; ++i) room[i] = 0; }
int main(int argc, char** argv) {
  slot = malloc(1000000);
  slot = 0;
  clear();
  struct rlimit few = {4, 4};
  return argc > 1 ? setrlimit(*argv[1] == 'f' ? RLIMIT_NOFILE : RLIMIT_AS, &few) : 0;
}
"""


def by_function(sites) -> dict[str, tuple[int, int]]:
    """Blocks and bytes of each function of leaks.cc that is named after what becomes of its blocks."""
    found: dict[str, tuple[int, int]] = {}
    for site in sites:
        for frame in site["stack"]:
            if name := re.search(r"\b((?:lost|kept)_\w+)\(", frame):
                blocks, size = found.get(name[1], (0, 0))
                found[name[1]] = (blocks + site["blocks"], size + site["bytes"])
                break
    return found


class Leaks(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.leaks = self.build / "tests/tools/tools_leaks"

    def check(self, *words, env=None) -> dict:
        done = self.hakmem("check", "--json", "--sites", 1000, "--reachable", self.leaks, *words, env=env)
        return json.loads(done.stdout)

    def expect(self, out, kept):
        self.assertEqual(by_function(out["lost"]["sites"]), LOST)
        self.assertEqual((out["lost"]["blocks"], out["lost"]["bytes"]), LOST_TOTAL)
        self.assertEqual(by_function(out["reachable"]["sites"]), kept)
        for part in ("lost", "reachable"):
            self.assertTrue(out[part]["known"])
            self.assertEqual(sum(site["blocks"] for site in out[part]["sites"]), out[part]["blocks"])

    def test_which_are_lost(self):
        self.expect(self.check(), KEPT)

    def test_a_thread_keeps_what_it_has(self):
        out = self.check("threads")
        self.expect(out, KEPT_BY_THREADS)
        self.assertNotIn("note", out["lost"])

    def test_threads_that_cannot_be_stopped(self):
        """All is known but what only their registers hold, and that is said."""
        out = self.check("untraced")
        self.assertEqual(out["lost"]["note"], "what only their registers hold counts as lost")
        lost, kept = by_function(out["lost"]["sites"]), by_function(out["reachable"]["sites"])
        in_register = {**lost, **kept}.pop("kept_in_a_register")
        self.assertEqual(in_register, KEPT_BY_THREADS["kept_in_a_register"])
        for found, expected in ((lost, LOST), (kept, {**KEPT, **KEPT_BY_THREAD})):
            found.pop("kept_in_a_register", None)
            self.assertEqual(found, expected)
        self.assertIn("  threads could not be stopped: ", self.hakmem("check", self.leaks, "untraced").stderr)

    def test_guard_slots_and_other_options(self):
        for env in ({"HAKMEM_GUARD_SAMPLE": "1", "HAKMEM_GUARD_SLOTS": "4096"}, {"HAKMEM_GUARDS": "0"},
                    {"HAKMEM_QUARANTINE": "0", "HAKMEM_PROFILE": "fast"}):
            with self.subTest(env):
                self.expect(self.check("threads", env=env), KEPT_BY_THREADS)

    def compile_first(self):
        (self.folder / "first.c").write_text(FIRST)
        subprocess.run(["gcc", "-fno-builtin", "-o", "first", "first.c"], cwd=self.folder, check=True)

    def test_the_first_block(self):
        self.compile_first()
        out = json.loads(self.hakmem("check", "--json", "./first", env={"HAKMEM_GUARDS": "0"}).stdout)
        self.assertEqual((out["lost"]["blocks"], out["lost"]["bytes"]), (1, 1000000))

    def test_several_processes_are_summed_up(self):
        line = f"{self.leaks}; {self.leaks}; exit 0"
        done = self.hakmem("check", "--json", "--sites", 1000, "sh", "-c", line)
        twice = {name: (2 * blocks, 2 * size) for name, (blocks, size) in LOST.items()}
        self.assertEqual(by_function(json.loads(done.stdout)["lost"]["sites"]), twice)

    def test_text(self):
        done = self.hakmem("check", self.leaks)
        blocks, size = LOST_TOTAL
        self.assertIn(f"lost at exit: {size} bytes in {blocks} blocks\n", done.stderr)
        lost, reachable = done.stderr.split("still reachable at exit: ")
        self.assertIn("lost_large", lost)
        self.assertRegex(reachable, r"^\d+ bytes in \d+ blocks\n$")
        self.assertIn("kept_in_a_list", self.hakmem("check", "--reachable", self.leaks).stderr)
        self.assertEqual(json.loads(self.hakmem("check", "--json", self.leaks).stdout)["reachable"]["sites"], [])

    def test_status(self):
        self.hakmem("check", "--fail-on-leaks", self.leaks, status=1)
        self.hakmem("check", "--fail-on-leaks", self.misuse, "clean")
        self.hakmem("check", "--fail-on-leaks", self.misuse, status=3)
        ended = self.hakmem("check", "--fail-on-leaks", "sh", "-c", "kill -9 $$", status=137)
        self.assertIn("lost at exit: not known, the program ended without its exit handlers\n", ended.stderr)

    def test_what_cannot_be_known_is_said(self):
        env = {"HAKMEM_TRACE": str(self.folder / "trace")}
        self.assertEqual(self.check(env=env)["lost"],
                         {"known": False, "blocks": 0, "bytes": 0, "sites": [], "why": "the trace names every block"})
        self.hakmem("check", "--fail-on-leaks", self.misuse, "clean", env=env, status=1)
        self.compile_first()
        for argument, why in (("files", "/proc/self/maps or /proc/self/mem cannot be read"),
                              ("memory", "no memory to find out")):
            done = self.hakmem("check", "./first", argument)
            self.assertIn(f"lost at exit: not known, {why}\nstill reachable at exit: not known, ", done.stderr)

    def test_library_alone(self):
        """The variable, on the Release library: the same blocks, as pprof reads them."""
        env = {**support.CLEAN, "LD_PRELOAD": str(self.build / "libhakmem.so"), "HAKMEM_LEAKS": "fd:2"}
        done = subprocess.run([self.leaks, "threads"], env=env, stderr=subprocess.PIPE, text=True, check=True)
        blocks, size = LOST_TOTAL
        head, sites = done.stderr.split("\nMAPPED_LIBRARIES:\n")[0].split("\n", 1)
        self.assertEqual(head, f"heap profile: {blocks}: {size} [{blocks}: {size}] @ heapprofile")
        self.assertEqual(sorted(tuple(map(int, found)) for found in re.findall(r"^(\d+): (\d+) \[", sites, re.M)),
                         sorted([*(value for value in LOST.values() if value[0] == 1), (1, 32), (1, 32)]))


if __name__ == "__main__":
    sys.exit(support.main())
