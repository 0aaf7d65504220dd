"""What the tests of the tools share."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}


class ToolTest(unittest.TestCase):
    build: Path

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hakmem-tools-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.command = self.build / "bin/hakmem"
        self.misuse = self.build / "tests/tools/tools_misuse"

    def hakmem(self, *words, status=0, env=None, stdin="") -> subprocess.CompletedProcess:
        done = subprocess.run([str(word) for word in (self.command, *words)], capture_output=True, text=True,
                              env={**CLEAN, **(env or {})}, cwd=self.folder, input=stdin, timeout=120)
        self.assertEqual(done.returncode, status, f"{words}\n{done.stdout}{done.stderr}")
        return done

    def refused(self, status, words, *command, env=None):
        """One line on stderr that says what is wrong, nothing on stdout."""
        done = self.hakmem(*command, status=status, env=env)
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), f"{command}\n{done.stderr}")
        self.assertRegex(done.stderr, f"^hakmem: .*{words}")


def main():
    if len(sys.argv) < 2 or not os.path.isfile(os.path.join(sys.argv[1], "CMakeCache.txt")):
        name = Path(sys.argv[0]).name
        sys.exit(f"{name}: usage: {name} BUILD")
    ToolTest.build = Path(sys.argv.pop(1)).resolve()
    unittest.main()
