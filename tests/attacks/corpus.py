"""Reads what every attack program says about itself in its first comment lines.

    // attack: what it does (may go on in further lines)
    // fault: the misuse, or the property under attack
    // cases: arguments, one run each ("-" for none); numbers are sizes in bytes, unless there is
    // range: tiny, medium, large or any, the size range of all cases
    // glibc: CASES VERDICT
    // hakmem: PROFILES CASES VERDICT

CASES is "*", or a comma list of arguments and ranges (24..1032, ..32768). PROFILES is "*", or a
comma list of fast, hardened, paranoid, debug; "no-light-guards" holds on kernels without cheap
guard pages. The first line that fits decides. VERDICT is one of, or several joined by " or ":

    succeeds             the misuse had its effect and nothing noticed
    survives             no effect, nothing noticed
    clean                a control program, in which there is nothing to notice
    FAULT|FAULT@WHEN     stopped by a report with one of these faults
    segv@WHEN            stopped by a guard page: out-of-bounds, use-after-free or the bare signal
    abort "TEXT"         stopped by libc, with TEXT in its message
    succeeds p<=A/B in N     in N runs it may succeed (or survive: "survives p<=...") as often as
                             chance A/B allows

WHEN is at-call (in the misusing call or access), at-free (when the damaged block is freed), or one
of refill-flush, reuse (later, counted in heap operations).
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

PROFILES = ("fast", "hardened", "paranoid", "debug")
SAMPLED = "sampled"  # hardened, and every refill is served by a guard slot
KEYS = ("attack", "fault", "cases", "glibc", "hakmem")
RANGES = ("tiny", "medium", "large", "any")
STAGES = {"at-call": 0, "at-free": 1, "refill-flush": 2, "reuse": 2}


class CorpusError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One alternative of what may happen."""

    kind: str  # succeeds survives clean stopped abort chance
    faults: tuple[str, ...] = ()
    when: str = ""
    text: str = ""
    numerator: int = 0
    denominator: int = 1
    trials: int = 1
    counted: str = ""  # of a chance: the kind of outcome that is counted


@dataclasses.dataclass
class Program:
    path: pathlib.Path
    category: str
    name: str
    attack: str
    fault: str
    cases: list[str]
    fixed_range: str
    rules: dict[str, list[tuple[list[str], str, list[Verdict]]]]

    def case_id(self, case: str) -> str:
        base = f"{self.category}/{self.name}"
        return base if case == "-" else f"{base}/{case}"

    def size_range(self, case: str) -> str:
        """The column of the table that a case belongs to."""
        return self.fixed_range or size_range(case)

    def expected(self, target: str, case: str, light_guards: bool) -> list[Verdict]:
        """Verdicts for "glibc" or a profile."""
        kind = "glibc" if target == "glibc" else "hakmem"
        names = {target, "hardened"} if target == SAMPLED else {target}
        for profiles, selector, verdicts in self.rules[kind]:
            conditions = names if light_guards else names | {"no-light-guards"}
            if ("*" in profiles or conditions & set(profiles)) and selects(selector, case):
                return verdicts
        raise CorpusError(f"{self.path}: no {kind} line fits {target} and case {case}")


def selects(selector: str, case: str) -> bool:
    for part in selector.split(","):
        if part in ("*", case):
            return True
        found = re.fullmatch(r"(\d*)\.\.(\d*)", part)
        if found and case.isdigit():
            low, high = found.groups()
            if int(low or 0) <= int(case) <= (int(high) if high else 1 << 64):
                return True
    return False


def parse_verdict(text: str) -> Verdict:
    if text in ("succeeds", "survives", "clean"):
        return Verdict(text)
    found = re.fullmatch(r'abort "([^"]*)"', text)
    if found:
        return Verdict("abort", text=found.group(1))
    found = re.fullmatch(r"(succeeds|survives) p<=(\d+)/(\d+) in (\d+)", text)
    if found:
        numerator, denominator, trials = map(int, found.groups()[1:])
        return Verdict("chance", numerator=numerator, denominator=denominator, trials=trials,
                       counted=found.group(1))
    found = re.fullmatch(r"([a-z|-]+)@([a-z-]+)", text)
    if found and found.group(2) in STAGES:
        return Verdict("stopped", faults=tuple(found.group(1).split("|")), when=found.group(2))
    raise CorpusError(f"no such verdict: {text}")


def parse_program(path: pathlib.Path) -> Program:
    fields: dict[str, list[str]] = {key: [] for key in (*KEYS, "range")}
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"// ([a-z]+): (.+)", line)
        if not found:
            break
        if found.group(1) not in fields:
            raise CorpusError(f"{path}: no such field: {found.group(1)}")
        fields[found.group(1)].append(found.group(2))
    missing = [key for key in KEYS if not fields[key]]
    if missing:
        raise CorpusError(f"{path}: no {missing[0]} line")
    fixed_range = (fields["range"] or [""])[0]
    if fixed_range and fixed_range not in RANGES:
        raise CorpusError(f"{path}: no such range: {fixed_range}")
    rules: dict[str, list[tuple[list[str], str, list[Verdict]]]] = {"glibc": [], "hakmem": []}
    try:
        for line in fields["glibc"]:
            selector, verdicts = line.split(" ", 1)
            rules["glibc"].append((["*"], selector, parse_verdicts(verdicts)))
        for line in fields["hakmem"]:
            profiles, selector, verdicts = line.split(" ", 2)
            known = set(profiles.split(",")) <= {"*", "no-light-guards", SAMPLED, *PROFILES}
            if not known:
                raise CorpusError(f"no such profile: {profiles}")
            rules["hakmem"].append((profiles.split(","), selector, parse_verdicts(verdicts)))
    except (ValueError, CorpusError) as error:
        raise CorpusError(f"{path}: {error}") from error
    program = Program(path, path.parent.name, path.stem, " ".join(fields["attack"]),
                      fields["fault"][0], " ".join(fields["cases"]).split(), fixed_range, rules)
    for case in program.cases:  # every cell of the table must be filled
        for target in ("glibc", *PROFILES):
            program.expected(target, case, True)
    return program


def parse_verdicts(text: str) -> list[Verdict]:
    outside_quotes = r' or (?=(?:[^"]*"[^"]*")*[^"]*$)'
    return [parse_verdict(part) for part in re.split(outside_quotes, text)]


def load(directory: pathlib.Path) -> list[Program]:
    programs = [parse_program(path) for path in sorted(directory.glob("*/*.cc"))]
    if not programs:
        raise CorpusError(f"{directory}: no programs")
    return programs


def size_range(case: str) -> str:
    """Which of hakmem's size ranges the argument is in."""
    if not case.isdigit():
        return "any"
    size_bytes = int(case)
    if size_bytes <= 1024:
        return "tiny"
    if size_bytes < 32784:
        return "medium"
    return "large"
