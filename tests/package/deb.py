#!/usr/bin/env python3
"""Makes the Debian packages of a build tree, looks into them and gives them to lintian: deb.py BUILD."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

# What each package must hold, beside its copyright file and changelog.
CONTENTS = {
    "libhakmem0": [r"/usr/lib/\S+/libhakmem\.so\.0", r"/usr/share/gdb/auto-load/usr/lib/\S+-gdb\.py"],
    "libhakmem-debug0": [r"/usr/lib/\S+/libhakmem-debug\.so\.0"],
    "libhakmem-dev": [r"/usr/include/hakmem\.h", r"/libhakmem\.a", r"/libhakmem\.so ", r"hakmem-config\.cmake",
                      r"pkgconfig/hakmem\.pc"],
    "hakmem": [r"/usr/bin/hakmem", r"/usr/libexec/hakmem/replay-trace", r"man1/hakmem-run\.1\.gz",
               r"bash-completion/completions/hakmem"],
}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(tempfile.mkdtemp(prefix="hakmem-deb-"))
        done = subprocess.run(["cpack", "-G", "DEB", "-B", cls.scratch], cwd=BUILD, capture_output=True,
                              text=True, env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.packages = {path.name.split("_")[0]: path for path in cls.scratch.glob("*.deb")}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch)

    def test_contents(self):
        self.assertEqual(set(self.packages), set(CONTENTS))
        for name, path in self.packages.items():
            files = subprocess.run(["dpkg-deb", "-c", path], capture_output=True, text=True, check=True).stdout
            for pattern in CONTENTS[name] + [rf"doc/{name}/copyright"]:
                self.assertRegex(files, pattern, name)
            self.assertNotRegex(files, re.escape(str(BUILD)), name)

    def test_needs(self):
        """The library needs libc alone, here as everywhere."""
        for name in ("libhakmem0", "libhakmem-debug0"):
            field = subprocess.run(["dpkg-deb", "-f", self.packages[name], "Depends"], capture_output=True,
                                   text=True, check=True).stdout
            self.assertRegex(field.strip(), r"^libc6 \(>= [\d.]+\)$", name)

    def test_lintian(self):
        done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", *self.packages.values()],
                              capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not os.path.isfile(os.path.join(sys.argv[1], "CMakeCache.txt")):
        sys.exit("deb.py: usage: deb.py BUILD")
    BUILD = Path(sys.argv.pop(1)).resolve()
    unittest.main()
