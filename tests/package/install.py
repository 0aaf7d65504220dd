#!/usr/bin/env python3
"""Installs a build tree into a scratch folder and uses it as its users do: install.py BUILD."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "tools/examples"
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


def run(*command, **settings) -> str:
    env = {**CLEAN, **settings.pop("env", {})}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env,
                          **settings)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(tempfile.mkdtemp(prefix="hakmem-install-"))
        cls.prefix = cls.scratch / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.libraries = next(cls.prefix.glob("lib/**/libhakmem.so")).parent
        cls.command = cls.prefix / "bin/hakmem"

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch)

    def test_cmake_project(self):
        tree = self.scratch / "cmake"
        run("cmake", "-S", EXAMPLES, "-B", tree, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", tree)
        for name, words in (("hello_c", "hello from hakmem"), ("hello_static", "hello from hakmem"),
                            ("hello_debug", "debug"), ("leaks", "held: ")):
            self.assertIn(words, run(tree / name), name)
        # Static means static: no hakmem among what the loader has to find.
        self.assertNotIn("libhakmem", run("ldd", tree / "hello_static"))
        self.assertIn("libhakmem.so.0", run("ldd", tree / "hello_c"))

    def test_other_version_is_refused(self):
        tree = self.scratch / "version"
        source = self.scratch / "wants"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.16)\nproject(x C)\nfind_package(hakmem 7 CONFIG REQUIRED)\n")
        done = subprocess.run(["cmake", "-S", source, "-B", tree, f"-DCMAKE_PREFIX_PATH={self.prefix}"],
                              capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("version: 0.1.0", done.stderr)

    def test_pkg_config(self):
        env = {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "hakmem", env=env).split()
        program = self.scratch / "by_hand"
        run("gcc", EXAMPLES / "hello.c", "-o", program, *flags)
        self.assertIn("hello from hakmem", run(program, env={"LD_LIBRARY_PATH": str(self.libraries)}))

    def test_preload(self):
        """The service file and the Dockerfile name the library; a program without it says libc."""
        program = self.scratch / "plain"
        run("gcc", f"-I{self.prefix}/include", EXAMPLES / "hello.c", "-o", program)
        self.assertIn("from libc", run(program))
        for name in ("hakmem.conf", "Dockerfile"):
            words = (EXAMPLES / name).read_text(encoding="utf-8").split("LD_PRELOAD=")[1].split()[0]
            library = self.libraries / Path(words).name
            self.assertIn("from hakmem", run(program, env={"LD_PRELOAD": str(library)}), name)

    def test_command_finds_everything(self):
        info = json.loads(run(self.command, "info", "--json"))
        self.assertEqual(Path(info["library"]).parent, self.libraries.resolve())
        self.assertEqual(json.loads(run(self.command, "info", "--json", "--debug"))["build"], "debug")
        trace = self.scratch / "true.trace"
        run(self.command, "record", "-o", trace, "/bin/ls", "/")
        self.assertIn("0 addresses differ", run(self.command, "replay", trace))
        script = next((EXAMPLES.parents[1] / "tests/replay").glob("*.script"))
        self.assertIn("ok", run(self.command, "replay", script))

    def test_manual_pages(self):
        pages = sorted((self.prefix / "share/man/man1").glob("*.1.gz"))
        self.assertGreaterEqual(len(pages), 9)
        for page in pages:
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
                                  capture_output=True, text=True, env=CLEAN)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)
            self.assertIn(page.name.split(".")[0], run("lexgrog", page))

    def test_completion(self):
        script = self.prefix / "share/bash-completion/completions/hakmem"
        words = 'source "$1"; COMP_WORDS=(hakmem run --pro); COMP_CWORD=2; _hakmem; echo "${COMPREPLY[@]}"'
        self.assertEqual(run("bash", "-c", words, "bash", script).strip(), "--profile")
        words = words.replace("(hakmem run --pro)", '(hakmem run --profile "")').replace("CWORD=2", "CWORD=3")
        self.assertEqual(run("bash", "-c", words, "bash", script).split(), ["fast", "hardened", "paranoid"])


if __name__ == "__main__":
    if len(sys.argv) < 2 or not os.path.isfile(os.path.join(sys.argv[1], "CMakeCache.txt")):
        sys.exit("install.py: usage: install.py BUILD")
    BUILD = Path(sys.argv.pop(1)).resolve()
    unittest.main()
