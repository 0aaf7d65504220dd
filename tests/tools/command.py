#!/usr/bin/env python3
"""`hakmem` run, check, info and report: command.py BUILD."""

import json
import os
import pty
import subprocess
import sys

import support


class Run(support.ToolTest):
    def test_statuses_are_the_programs(self):
        self.hakmem("run", "--", "sh", "-c", "exit 7", status=7)
        self.hakmem("run", "sh", "-c", "exit 7", status=7)
        self.refused(127, "no-such-program: not found", "run", "no-such-program")
        (self.folder / "text").write_text("x")
        self.refused(126, "Permission denied", "run", "./text")
        killed = subprocess.run([self.command, "run", "sh", "-c", "kill -9 $$"], env=support.CLEAN)
        self.assertEqual(killed.returncode, -9)

    def test_the_program_keeps_its_own_options(self):
        done = self.hakmem("run", "--profile=fast", "sh", "-c", 'echo "$1 $HAKMEM_PROFILE"', "sh", "--profile")
        self.assertEqual(done.stdout, "--profile fast\n")

    def test_library_is_there(self):
        for words, library in (((), "libhakmem.so"), (("--debug",), "libhakmem-debug.so")):
            done = self.hakmem("run", *words, "cat", "/proc/self/maps", env={"LD_PRELOAD": ""})
            self.assertIn(library, done.stdout)
        other = self.hakmem("run", "sh", "-c", 'echo "$LD_PRELOAD"', env={"LD_PRELOAD": "libm.so.6"})
        self.assertTrue(other.stdout.strip().endswith(":libm.so.6"), other.stdout)

    def test_settings(self):
        done = self.hakmem("run", "--set", "seed=7", "--set", "HAKMEM_STATS=off", "--report", "here", "env")
        lines = done.stdout.splitlines()
        for line in ("HAKMEM_SEED=7", "HAKMEM_STATS=off", f"HAKMEM_REPORT={self.folder}/here"):
            self.assertIn(line, lines)

    def test_bad_input(self):
        self.refused(125, "no program given", "run")
        self.refused(125, "no program given", "run", "--debug", "--")
        self.refused(125, "--profile: x not in", "run", "--profile", "x", "true")
        self.refused(125, "--nonsense", "run", "--nonsense", "true")
        self.refused(125, "NAME=VALUE", "run", "--set", "seed", "true")
        self.refused(125, "cannot read the library", "run", "--library", "nowhere.so", "true")
        self.refused(2, "subcommand", "nonsense")
        self.refused(2, "subcommand")
        self.hakmem("--help")
        self.hakmem("run", "--help")

    def test_static_program_is_told(self):
        static = self.folder / "static"
        (self.folder / "s.c").write_text("int main(void) { return 4; }\n")
        subprocess.run(["gcc", "-static", "-o", static, self.folder / "s.c"], check=True)
        done = self.hakmem("run", static, status=4)
        self.assertIn("statically linked", done.stderr)


class Check(support.ToolTest):
    def test_summary(self):
        done = self.hakmem("check", "--json", "--reachable", "--report", "kept", self.misuse, status=3)
        out = json.loads(done.stdout)
        found = {(fault["fault"], fault["count"]) for fault in out["faults"]}
        self.assertEqual(found, {("overflow", 1), ("double-free", 3)})
        self.assertEqual((out["reports"], out["exit_status"]), (4, 3))
        double = next(fault for fault in out["faults"] if fault["fault"] == "double-free")
        self.assertEqual(double["called_from"][0]["function"], "free_again")
        self.assertEqual(double["allocated_by"][0]["function"], "make")
        self.assertTrue(double["allocated_by"][0]["file"].endswith("misuse.c"))
        self.assertTrue(out["lost"]["known"])
        self.assertIn((1, 5000), [(site["blocks"], site["bytes"]) for site in out["reachable"]["sites"]])
        self.refused(125, "kept is there already", "check", "--report", "kept", self.misuse)

    def test_statuses(self):
        self.assertIn("0 distinct faults", self.hakmem("check", self.misuse, "clean").stderr)
        self.hakmem("check", self.misuse, "double", status=1)
        self.hakmem("check", "sh", "-c", "kill -9 $$", status=137)
        self.assertIn("not found", self.hakmem("check", "no-such-program", status=127).stderr)

    def test_nothing_is_left(self):
        self.hakmem("check", self.misuse, "clean", env={"TMPDIR": str(self.folder)})
        self.assertEqual(list(self.folder.iterdir()), [])


class Info(support.ToolTest):
    def test_options(self):
        env = {"HAKMEM_SEED": "9", "HAKMEM_PROFILE": "paranoid"}
        info = json.loads(self.hakmem("info", "--json", env=env).stdout)
        options = {option["name"]: option for option in info["options"]}
        self.assertEqual(options["HAKMEM_SEED"]["value"], "9")
        self.assertEqual(options["HAKMEM_SEED"]["defaults"], {"fast": "0", "hardened": "0", "paranoid": "0"})
        guards = options["HAKMEM_GUARDS"]
        self.assertEqual((guards["value"], guards["defaults"]["fast"], guards["later"]), ("1", "0", False))
        self.assertTrue(options["HAKMEM_STATS"]["later"])
        self.assertEqual(info["build"], "release")
        self.assertIn("HAKMEM_SEED", self.hakmem("info").stdout)
        self.refused(2, "is not hakmem", "info", "--library", "/lib/x86_64-linux-gnu/libm.so.6")

    def test_colours_only_on_a_terminal(self):
        self.assertNotIn("\033", self.hakmem("info").stdout)
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            self.assertEqual("\033" in self.on_terminal(env), coloured, env)

    def on_terminal(self, env) -> str:
        parent, child = pty.openpty()
        process = subprocess.Popen([self.command, "info"], stdout=child, env={**support.CLEAN, "TERM": "xterm", **env})
        os.close(child)
        text = b""
        try:
            while part := os.read(parent, 65536):
                text += part
        except OSError:
            pass  # the terminal's other end is gone
        os.close(parent)
        self.assertEqual(process.wait(), 0)
        return text.decode()


class Report(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.hakmem("check", "--report", "kept", self.misuse, status=3)

    def test_text(self):
        out = self.hakmem("report", "kept").stdout
        self.assertIn("double-free in free  (3 times)", out)
        self.assertIn("misuse.c:", out)
        self.assertIn("2 distinct faults", out)
        self.assertNotIn("misuse.c:", self.hakmem("report", "--no-symbols", "kept").stdout)
        by_pipe = self.hakmem("report", "-", stdin=(self.folder / "kept").read_text()).stdout
        self.assertEqual(by_pipe, out)

    def test_json_and_sarif(self):
        out = json.loads(self.hakmem("report", "--format", "json", "kept").stdout)
        self.assertEqual([entry["count"] for entry in out["reports"]], [1, 3])
        sarif = json.loads(self.hakmem("report", "--format", "sarif", "kept").stdout)
        self.assertEqual(sarif["version"], "2.1.0")
        results = sarif["runs"][0]["results"]
        rules = {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]}
        self.assertEqual(rules, {"overflow", "double-free"})
        for result in results:
            self.assertIn(result["ruleId"], rules)
            place = result["locations"][0]["physicalLocation"]
            self.assertTrue(place["artifactLocation"]["uri"].endswith("misuse.c"))
            self.assertGreater(place["region"]["startLine"], 0)

    def test_html(self):
        self.hakmem("report", "--format", "html", "-o", "page.html", "kept")
        page = (self.folder / "page.html").read_text()
        self.assertIn('data-fault="double-free" data-count="3"', page)
        self.assertNotRegex(page, r'(src|href)=')
        self.refused(2, "--force overwrites it", "report", "-o", "page.html", "kept")
        self.assertEqual((self.folder / "page.html").read_text(), page)
        self.hakmem("report", "--force", "-o", "page.html", "kept")

    def test_bad_input(self):
        (self.folder / "other").write_text("nothing of ours\n")
        self.refused(2, "holds no hakmem report", "report", "other")
        self.refused(2, "cannot read missing", "report", "missing")
        self.refused(2, "--format", "report", "--format", "xml", "kept")


if __name__ == "__main__":
    sys.exit(support.main())
