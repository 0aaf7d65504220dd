#!/usr/bin/env python3
"""Types what README.md prints under "Five minutes": readme.py BUILD."""

import re
import subprocess
import sys

import support

README = support.Path(__file__).resolve().parents[2] / "README.md"
SIGABRT_STATUS = 134  # as a shell gives it


class FiveMinutes(support.ToolTest):
    def commands(self) -> list[str]:
        text = README.read_text(encoding="utf-8").split("## Five minutes")[1].split("\n## ")[0]
        return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]

    def test_commands(self):
        """In a folder that looks like the tree: its build/ is scratch, but for the release build."""
        (self.folder / "build").mkdir()
        (self.folder / "build/release").symlink_to(self.build)
        (self.folder / "tools").symlink_to(README.parent / "tools")
        commands = self.commands()
        self.assertGreaterEqual(len(commands), 9)
        for command in commands:
            line, _, says = command.partition("   # ")
            expected = SIGABRT_STATUS if "SIGABRT" in says else int((re.findall(r"status (\d+)", says) or [0])[0])
            done = subprocess.run(["bash", "-c", line + "; exit $?"], cwd=self.folder, capture_output=True, text=True,
                                  env=support.CLEAN, timeout=120)
            self.assertEqual(done.returncode, expected, f"{command}\n{done.stdout}{done.stderr}")
            if not line.startswith("gcc"):
                self.assertTrue(done.stdout + done.stderr, f"{command} prints nothing")

    def test_make_targets(self):
        text = README.read_text(encoding="utf-8")
        for target in set(re.findall(r"`?make ([a-z]+)", text)):
            if re.search(rf"`make {target}`|^make {target}\b", text, re.MULTILINE):
                subprocess.run(["make", "-n", target], cwd=README.parent, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(support.main())
