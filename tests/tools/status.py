#!/usr/bin/env python3
"""The status page, made from known inputs and read back.

  status.py                   reads the page as text
  status.py --browser FOLDER  opens it in headless Chromium, reads the figures from the document that
                              the browser built, and leaves screenshots, light and dark, in FOLDER
"""

import html.parser
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BROWSER: Path | None = None

RECORD = {"format": 1, "made": "2026-01-02T03:04:05+00:00", "revision": "0123456789abcdef", "obligations": [
    {"id": "V1.exact", "statement": "accepts <exactly> the starts", "policies": ["D"], "method": "exhaustive",
     "count": 5000, "minimum": 1000, "twin_failed": True},
    {"id": "F3.routes", "statement": "map equals lookup", "policies": ["A"], "method": "exhaustive",
     "count": 10, "minimum": 20, "twin_failed": True}]}
CELL = {"killed": True, "seconds": 1.5}
MATRIX = {"cells": {"none": {"unit": {"killed": False, "seconds": 1}}, "lost-bit": {"unit": CELL, "props": CELL},
                    "stale": {"unit": {"killed": False, "seconds": 9}}}}
MUTANTS = {"a": {"outcome": "killed", "by": "unit"}, "b": {"outcome": "survived"}, "c": {"outcome": "does not compile"}}
COVERAGE = {"command": "tools/coverage", "total": [80, 81, 91, 100], "files": {"src/core/remote.cc": [9, 9, 0, 0]}}
LOG = ("Start testing: Jan 02 03:04 UTC\n1/2 Testing: death.double_free\nTest Passed.\n"
       "2/2 Testing: unit.text\nTest Failed.\n")
BENCH = {"meta": {"date": "2026-01-02", "command": "bench/run.py --quick", "processor": "a processor"}, "cases": [
    {"case": "pair", "family": "micro", "unit": "ns", "peers": {
        "hakmem": {"cost": 10.0, "times_as_fast": 2.0}, "glibc": {"cost": 20.0, "times_as_fast": 1.0}}},
    {"case": "batch", "family": "micro", "unit": "ns", "peers": {"hakmem": {"cost": 10.0, "times_as_fast": 8.0}}}]}
COUNTS = {"date": "2026-01-02", "valgrind": "valgrind-3", "counts": {
    "hakmem": {"pair": {"instructions": 54.25, "unit": "pair"}}, "glibc": {"pair": {"instructions": 129.0, "unit": "pair"}}}}
AB = {"date": "2026-01-02", "command": "make ab", "machine": "a processor", "counts": {"pair": {
    "libc": [129.0, 25.0], "A": [54.25, 9.0]}}, "figures": {"pair": {"libc": {"ns": 20.0}, "A": {"ns": 9.5}}},
      "verdicts": {"A": {"alone": [16.5, 4.0], "in_place": [16, 4], "note": [17, 4], "held": [], "verdict": "kept"}}}
INPUTS = {"evidence/record.json": RECORD, "build/seeded/matrix.json": MATRIX, "build/mutants/results.json": MUTANTS,
          "build/coverage/summary.json": COVERAGE, "build/bench/results.json": BENCH,
          "build/bench/counts.json": COUNTS, "build/ab/ab.json": AB}
FIGURES = {"obligations": "2", "obligations_held": "1", "cases": "5010", "seeded_faults": "2", "seeded_found": "1",
           "seeded_twice": "1", "seeded_alarms": "0", "mutants": "2", "mutants_killed": "1", "mutants_rate": "50.0%",
           "coverage_lines": "98.8 %", "tests": "2", "tests_failed": "1", "ab_A": "16.5 / 4.0", "bench_micro": "4.00",
           "instructions_hakmem": "54.2", "instructions_glibc": "129"}


class Reader(html.parser.HTMLParser):
    """Figures by name, the state of sections, and everything that would be loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.figures, self.states, self.foreign, self.rects, self.texts = {}, {}, [], 0, []
        self.name = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.name = values.get("data-figure")
        if tag == "section":
            self.states[values["id"]] = values["data-state"]
        self.rects += tag == "rect"
        self.foreign += [value for key, value in values.items()
                         if key in ("src", "href") and not value.startswith("#")]
        self.foreign += [tag] if tag in ("script", "link", "iframe", "img") else []

    def handle_data(self, data):
        self.texts.append(data)
        if self.name:
            self.figures[self.name] = data
            self.name = None


def make_tree(folder: Path, with_inputs: bool):
    for file in ("src/base/faults.def", "cmake/evidence_gate.cmake", "Makefile"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    if not with_inputs:
        return
    for file, content in INPUTS.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(content))
    log = folder / "build/release/Testing/Temporary/LastTest.log"
    log.parent.mkdir(parents=True)
    log.write_text(LOG)


def chromium(folder: Path, *words) -> str:
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync",
               f"--user-data-dir={folder / 'profile'}", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


class Status(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hakmem-status-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.page = self.folder / "build/report.html"

    def report(self, with_inputs=True) -> Reader:
        make_tree(self.folder, with_inputs)
        done = subprocess.run([ROOT / "tools/report/report.py", "--root", self.folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        if BROWSER:
            return Reader(chromium(self.folder, "--dump-dom", self.page.as_uri()))
        return Reader(self.page.read_text())

    def test_figures(self):
        page = self.report()
        for name, value in FIGURES.items():
            self.assertEqual(page.figures.get(name), value, name)
        self.assertEqual({name for name, state in page.states.items() if state == "missing"}, {"build"})
        self.assertEqual(page.foreign, [])
        self.assertGreaterEqual(page.rects, 4)
        text = "".join(page.texts)
        for words in ("accepts <exactly> the starts", "make prove", "bench/run.py --quick", "double free",
                      "2026-01-02T03:04:05", "failed: unit.text"):
            self.assertIn(words, text)

    def test_missing_is_said(self):
        page = self.report(with_inputs=False)
        self.assertEqual(set(page.states.values()), {"missing"})
        self.assertEqual(set(page.figures), {"tree"})
        text = "".join(page.texts)
        for command in ("make prove", "make bench", "make counts", "ctest --preset release"):
            self.assertIn(command, text)

    def test_damaged_inputs(self):
        make_tree(self.folder, True)
        (self.folder / "evidence/record.json").write_text("{")
        (self.folder / "build/bench/results.json").write_text('{"cases": 3}')
        subprocess.run([ROOT / "tools/report/report.py", "--root", self.folder], check=True, capture_output=True)
        page = Reader(self.page.read_text())
        self.assertEqual((page.states["evidence"], page.states["bench"], page.states["seeded"]),
                         ("missing", "missing", "there"))
        done = subprocess.run([ROOT / "tools/report/report.py", "--root", "/nowhere"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))

    def test_screenshots(self):
        if not BROWSER:
            self.skipTest("`make browser` takes them")
        self.report()
        BROWSER.mkdir(parents=True, exist_ok=True)
        sizes = []
        for name, words in (("light", []), ("dark", ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"])):
            file = BROWSER / f"{name}.png"
            chromium(self.folder, f"--screenshot={file}", "--window-size=1200,1600", *words, self.page.as_uri())
            data = file.read_bytes()
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(struct.unpack(">II", data[16:24]), (1200, 1600))
            sizes.append(len(data))
        self.assertGreater(min(sizes), 20_000, "a page that is blank")
        self.assertNotEqual((BROWSER / "light.png").read_bytes(), (BROWSER / "dark.png").read_bytes())


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--browser":
        if not shutil.which("chromium"):
            sys.exit("status.py: no chromium; `make browser` installs it")
        BROWSER = Path(sys.argv.pop()).resolve()
        sys.argv.pop()
    elif len(sys.argv) > 1 and sys.argv[1].startswith("--b"):
        sys.exit("status.py: usage: status.py [--browser FOLDER]")
    unittest.main()
