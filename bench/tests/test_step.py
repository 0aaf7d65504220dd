"""The single-stepper: it must say of glibc what callgrind says."""

import json
import os
import tempfile
import unittest

import lab


def step(path, ops, *settings):
    run = lab.run(lab.program("hakmem-step"), path, str(ops), *settings)
    if run.returncode != 0:
        raise AssertionError(run.stderr)
    return json.loads(run.stdout)


class Step(unittest.TestCase):
    def test_agrees_with_callgrind(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "counts.json")
            run = lab.script("counts/counts.py", "--driver", lab.program("hakmem-count-driver"),
                             "--divide", "20", "--paths", "pair-64", "--json", path)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(path, encoding="utf-8") as file:
                counted = json.load(file)["counts"]["glibc"]["pair-64"]
        stepped = step("pair-64", 50)
        for kind, name in (("malloc", "allocate"), ("free", "free")):
            self.assertEqual(stepped[kind]["calls"], 50)
            for what in ("instructions", "branches"):
                self.assertEqual(stepped[kind][what]["commonest"], counted[name][what])

    def test_each_kind_of_call_has_its_row(self):
        self.assertEqual(set(step("new-64", 20)), {"new", "delete"})
        self.assertEqual(set(step("calloc-64", 20)), {"calloc", "free"})

    def test_the_driver_must_get_there(self):
        run = lab.run(lab.program("hakmem-step"), "no-such-path", "10")
        self.assertEqual(run.returncode, 2)
        self.assertIn("hakmem-step: the driver did not get to its measured part", run.stderr)


if __name__ == "__main__":
    unittest.main()
