#!/usr/bin/env python3
"""Shows that each tidy check fails: plants one violation after the other in a copy of the tree."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tree

HERE = Path(__file__).resolve().parent
LIBRARY = None
COPIED = ("src", "tests", "bench", "props", "tools", "cmake", "fuzz", "sanitizers")


class Planted(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="hakmem-tidy-")
        self.root = Path(self.scratch.name)
        for entry in tree.ROOT.iterdir():
            if entry.is_file():
                shutil.copy(entry, self.root)
            elif entry.name in COPIED:
                shutil.copytree(entry, self.root / entry.name,
                                ignore=shutil.ignore_patterns(*tree.LEFT_OUT))

    def tearDown(self):
        self.scratch.cleanup()

    def check(self, script: str, *arguments) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-B", str(HERE / script), *map(str, arguments)],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def plant(self, script: str, name: str, old: str, new: str, message: str):
        """After the change the check must say `message`, which it did not say before."""
        path = self.root / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        status, out = self.check(script, self.root)
        path.write_text(text, encoding="utf-8")
        self.assertEqual(status, 1, out)
        self.assertIn(message, out)
        self.assertNotIn(message, self.check(script, self.root)[1])

    def test_docs(self):
        self.plant("docs.py", "README.md", "## Documents", "`no_such_" "name`\n## Documents",
                   "no such name 'no_such_" "name'")
        self.plant("docs.py", "DESIGN.md", "# Design", "# Design\n`src/core/nothing.cc`",
                   "no such file 'src/core/nothing.cc'")
        self.plant("docs.py", "README.md", "](DESIGN.md)", "](NOWHERE.md)", "link to nowhere")
        self.plant("docs.py", "README.md", "`make counts`", "`make coffee`", "no make target")
        self.plant("docs.py", "SECURITY.md", "| `racing-free` |", "| racing |",
                   "no row | `racing-free` |")
        self.plant("docs.py", "USAGE.md", "| `HAKMEM_GUARDS` |", "| guards |",
                   "no row | `HAKMEM_GUARDS` |")
        self.plant("docs.py", "src/core/remote.cc", "// R4  ", "// R9  ", "DESIGN.md: no row")
        self.plant("docs.py", "DESIGN.md", "| E route_map |", "| route_map |",
                   "no row | E route_map |")

    def test_style(self):
        head = "namespace hak {\nint planted(int n) {\n"
        long_function = head + "  ++n;\n" * 80 + "  return n;\n}\n}\n"
        self.plant("style.py", "src/core/planted.cc", "", long_function, "function of 83 lines")
        self.plant("style.py", "tools/planted.py", "", "def f(n):\n" + "    n += 1\n" * 80,
                   "function of 81 lines")
        self.plant("style.py", "src/core/planted.cc", "", "int a;\n" * 401, "401 lines")
        self.plant("style.py", "src/front/planted.cc", "",
                   head + "#ifdef NDEBUG\n  ++n;\n#endif\n  return n;\n}\n}\n",
                   "conditional compilation inside a function")
        self.plant("style.py", "src/core/planted.cc", "", "int a;  // TO" "DO: b\n",
                   "left-over mark")
        self.plant("style.py", "src/backing/planted.h", "", '#include "front/front.h"\n',
                   "backing includes front/front.h, a layer above")
        self.plant("style.py", "src/core/planted.h", "", '#include "hakmem.h"\n',
                   "in no layer below")

    def test_options_table(self):
        script = self.root / "tools/usage.py"
        usage = self.root / "USAGE.md"
        text = usage.read_text(encoding="utf-8")
        usage.write_text(text.replace("| `HAKMEM_SEED` |", "| `HAKMEM_SEEDS` |"), encoding="utf-8")
        status, out = self.check(str(script), "--check", LIBRARY)
        self.assertEqual(status, 1, out)
        self.assertIn("HAKMEM_SEEDS", out)

    def test_library(self):
        exports = self.root / "exports.txt"
        names = (HERE / "exports.txt").read_text(encoding="utf-8")
        for changed, message in ((names.replace("malloc_trim\n", ""), "not in the list: malloc_trim"),
                                 (names + "planted\n", "but not exported: planted")):
            exports.write_text(changed, encoding="utf-8")
            status, out = self.check("library.py", LIBRARY, exports)
            self.assertEqual(status, 1, out)
            self.assertIn(message, out)

    def test_needed(self):
        source = self.root / "needs.cc"
        source.write_text("#include <iostream>\nvoid planted() { std::cout << 1; }\n")
        library = self.root / "libneeds.so"
        subprocess.run(["g++", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
        status, out = self.check("library.py", library, HERE / "exports.txt")
        self.assertEqual(status, 1, out)
        self.assertIn("needs ['libstdc++.so.6'", out)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("self_test.py: usage: self_test.py LIB")
    LIBRARY = Path(sys.argv.pop()).resolve()
    unittest.main()
