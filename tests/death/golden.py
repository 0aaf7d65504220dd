"""Whole reports against committed texts: golden/<fault>.<build>.txt, renewed by `run.py --write ... golden`.

Few substitutions, and none that could hide a changed word:
  addresses           A1, A2, ... in order of appearance, so that what must be equal stays equal
  thread and process  T1, T2, ... in the same way
  stacks              the first frame, with its module's file name; how deep libc calls main is libc's
  slot numbers        N; -1 stays
  state, header       `live|key` for a state with its slab's key; `header` or `canary` for the byte that
                      should be found, `canary^0x01` for that byte damaged; what carries no secret stays
"""
import os
import re
import tempfile

import cases
from outcome import SKIPPED, Failure

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
SEED = 7
KINDS = ("free", "remote", "live", "fresh")


class Names:
    """Gives each value a name, the same value the same name."""

    def __init__(self, letter):
        self.letter = letter
        self.known = {}

    def __call__(self, value):
        return self.known.setdefault(value, f"{self.letter}{len(self.known) + 1}")


def name_bytes(text):
    """The state in words where it carries a key, the expected byte by what it is, the found one by the expected."""
    state, expected = (int(re.search(rf" {key}=(0x[0-9a-f]{{2}}) ", text)[1], 16)
                       for key in ("state", "header_expected"))
    names = {}
    if expected:
        name = "header" if expected == state else "canary"
        names = {expected: name, expected ^ 1: f"{name}^0x01"}
    if state & 0x3f > 1:  # smaller ones are large blocks' states
        text = text.replace(f" state=0x{state:02x} ", f" state={KINDS[state >> 6]}|key ")
    return re.sub(r"((?:header_expected|header_found)=|expected |found )(0x[0-9a-f]{2})\b",
                  lambda match: match[1] + names.get(int(match[2], 16), match[2]), text)


def normalise(text):
    text = re.sub(rf"(?m)^(    #0 .*\n)(?:    #[1-9]\d* .*\n)*", r"\1", text)
    text = re.sub(r"\(/[^()]*/([^()/+]+)\+0x[0-9a-f]+\)", r"(\1+OFFSET)", text)
    text = name_bytes(text)
    addresses, threads = Names("A"), Names("T")
    text = re.sub(r"\b0x[0-9a-f]{6,16}\b", lambda match: addresses(match[0]), text)
    text = re.sub(r"(==|\bthread[ =])(\d+)", lambda match: match[1] + threads(match[2]), text)
    return re.sub(r"\bslot=\d+", "slot=N", text)


class Golden:
    """Mixed into the suite, which runs programs and checks reports."""

    def golden(self):
        found = {}
        for words, options, fault, sampled in self.golden_runs():
            outcome = self.run(*words, seed=SEED, **options)
            self.expect_report(outcome, fault, sampled=sampled)
            self.add(found, fault, words, options, outcome.err)
        self.add_racing(found)
        untold = set(self.sentences) - set(found)
        if untold - {"racing-free"}:
            self.fail_golden(f"no report of {sorted(untold)}")
        for fault, sections in sorted(found.items()):
            self.compare(fault, "\n".join(sections))
        self.compare_names({self.golden_name(fault) for fault in found}, untold)

    def golden_runs(self):
        """(words, options, fault, sampled): every setup by its first and its last call, one fault by all."""
        recorded = {} if self.debug else {"profile": "paranoid"}  # what hardened does not look for
        for rows in cases.CASES.values():
            for setup, fault, calls in rows:
                for call in calls if setup == "double_free" else (calls[0], calls[-1]):
                    yield (setup, call), {}, fault, False
        for setup, fault, calls in cases.FAMILIES:
            for call in (calls[0], calls[-1]):
                yield (setup, call), recorded, fault, False
        yield ("write_after_free",), recorded, "write-after-free", False
        for name, rows in cases.SAMPLED.items():
            for word, _ in rows:
                yield ("sampled", word), {"guard_sample": 1}, name.replace("_", "-"), True

    def add_racing(self, found):
        """Two frees that overlap: the one is stepped through, the other done between two instructions."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "reports")
            words = ("racing_stepped", "100")
            outcome = self.run(*words, seed=SEED, on_fault="continue", report=path)
            if outcome.status == SKIPPED:
                return
            parts = re.split(r"(?m)^(?===\d+==ERROR)", open(path, encoding="utf-8").read())
            racing = [part for part in parts if "ERROR: hakmem: racing-free" in part]
            if outcome.status != 0 or not racing:
                outcome.fail(f"no racing free among {len(parts) - 1} reports")
            self.expect_report(outcome, "racing-free", racing[-1], status=0)
            self.add(found, "racing-free", words, {}, racing[-1])

    @staticmethod
    def add(found, fault, words, options, text):
        given = "".join(f"HAKMEM_{name.upper()}={value} " for name, value in options.items())
        found.setdefault(fault, []).append(f"$ {given}misuse {' '.join(words)}\n{normalise(text)}")

    def golden_name(self, fault):
        return f"{fault}.{'debug' if self.debug else 'release'}.txt"

    def compare(self, fault, text):
        path = os.path.join(FOLDER, self.golden_name(fault))
        if self.write:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        if not os.path.exists(path):
            self.fail_golden(f"{path} is missing: run.py --write makes it")
        want = open(path, encoding="utf-8").read()
        self.checked += 1
        if want == text:
            return
        pairs = zip(want.split("\n") + ["(end)"], text.split("\n") + ["(end)"])
        line, (before, now) = next((i, pair) for i, pair in enumerate(pairs, 1) if pair[0] != pair[1])
        self.fail_golden(f"{path}:{line} says\n  {before}\nand the report\n  {now}")

    def compare_names(self, made, untold):
        """No text is left over from a fault that is gone."""
        ending = self.golden_name("")
        allowed = made | {self.golden_name(fault) for fault in untold}
        extra = {name for name in os.listdir(FOLDER) if name.endswith(ending)} - allowed
        if extra:
            self.fail_golden(f"no fault makes {sorted(extra)}")

    @staticmethod
    def fail_golden(why):
        raise Failure(why)
