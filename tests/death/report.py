"""Parses and checks the text of one report, line by line."""
import re

KEYS = ["fault", "api", "ptr", "block", "size_class", "slot", "state", "header_expected",
        "header_found", "requested", "usable", "thread", "owner", "caller", "seed", "build",
        "profile", "limit"]

API_NAMES = {"new": "operator new", "new[]": "operator new[]", "delete": "operator delete",
             "delete[]": "operator delete[]", "access": "memory access"}

HEX = r"0x[0-9a-f]+"
MODULE = rf"( \(/[^()]*\+{HEX}\))?"
FRAME = rf"    #(\d+) ({HEX}){MODULE}"


class Mismatch(Exception):
    """The text is not the report that it should be."""


class Lines:
    """Takes lines from the front; says which one was wrong."""

    def __init__(self, text):
        if not text.endswith("\n"):
            raise Mismatch("the report does not end with a newline")
        self.lines = text.split("\n")[:-1]
        self.at = 0

    def take(self, pattern):
        if self.at == len(self.lines):
            raise Mismatch(f"the report ends where /{pattern}/ should follow")
        match = re.fullmatch(pattern, self.lines[self.at])
        if not match:
            raise Mismatch(f"line {self.at + 1} is\n  {self.lines[self.at]}\nand should match\n  {pattern}")
        self.at += 1
        return match

    def take_if(self, pattern):
        if self.at < len(self.lines) and re.fullmatch(pattern, self.lines[self.at]):
            return self.take(pattern)
        return None

    def stack(self, required):
        frames = []
        while match := self.take_if(FRAME):
            if int(match[1]) != len(frames):
                raise Mismatch(f"frame {len(frames)} is numbered {match[1]}")
            frames.append(match)
        if required and not frames:
            raise Mismatch(f"no frame in the stack before line {self.at + 1}")
        return frames


def fault_texts(path):
    """id -> (sentence, test) from the table in the sources."""
    source = open(path, encoding="utf-8").read()
    table = {}
    for body in re.findall(r"^HAK_FAULT\((.*?)\)$", source, re.M | re.S):
        parts = re.findall(r'"((?:[^"\\]|\\.)*)"', body)
        ident, rest = parts[0], parts[1:]
        test = next(p for p in rest if p.startswith("death."))
        table[ident] = ("".join(rest[:rest.index(test)]), test)
    return table


def parse_machine_line(line):
    if not line.startswith("hakmem-report: "):
        raise Mismatch(f"no machine line: {line}")
    fields = [field.partition("=") for field in line[len("hakmem-report: "):].split(" ")]
    if [key for key, _, _ in fields] != KEYS:
        raise Mismatch(f"keys are {[key for key, _, _ in fields]}")
    values = {key: value for key, _, value in fields}
    for key in ("ptr", "block", "state", "header_expected", "header_found", "caller", "seed"):
        if not re.fullmatch(HEX, values[key]):
            raise Mismatch(f"{key}={values[key]} is not hexadecimal")
    for key in ("usable", "thread", "owner"):
        if not values[key].isdigit():
            raise Mismatch(f"{key}={values[key]} is not a number")
    return values


def check(text, sentences, debug, sampled=False):
    """Checks one whole report, of a block in a guard slot or not. Returns the values of its machine line and the human block's."""
    lines = Lines(text)
    first = lines.take(rf"==(\d+)==ERROR: hakmem: ([a-z-]+) on address ({HEX}) \(([a-z_ ()\[\]]+)\) thread (\d+)")
    fault = first[2]
    if fault not in sentences:
        raise Mismatch(f"unknown fault {fault}")
    lines.take("  " + re.escape(sentences[fault][0]))
    block = lines.take_if(rf"  block: ({HEX}), (\d+) usable bytes(?:, the pointer is (-?\d+) bytes into it)?")
    size = lines.take_if(r"  size: .*") if block else None
    header = lines.take_if(r"  header: expected (0x[0-9a-f]{2}), found (0x[0-9a-f]{2})")
    lines.take_if(r"  a limit was hit earlier: [a-z-]+")
    lines.take("  called from:")
    called = lines.stack(True)
    for what in ("freed", "allocated"):
        if lines.take_if(rf"  {what} by thread \d+:"):
            if not debug and not sampled:
                raise Mismatch(f"a Release report has no '{what}' stack")
            lines.stack(True)
    values = parse_machine_line(lines.take("hakmem-report: .*")[0])
    lines.take(rf"SUMMARY: hakmem: {re.escape(fault)} in {re.escape(first[4])}")
    if lines.at != len(lines.lines):
        raise Mismatch(f"text behind the report: {lines.lines[lines.at]}")

    same = {"fault": fault, "ptr": first[3], "thread": first[5],
            "block": block[1] if block else "0x0", "caller": called[0][2]}
    if block:
        same["usable"] = block[2]
        distance = int(first[3], 16) - int(block[1], 16)
        if int(block[3] or 0) != distance:
            raise Mismatch(f"the pointer is {distance} bytes into the block, the report says {block[3]}")
    if header:
        same |= {"header_expected": header[1], "header_found": header[2]}
        if header[1] == header[2]:
            raise Mismatch("expected and found header are the same")
    for key, value in same.items():
        if values[key] != value:
            raise Mismatch(f"{key} is {values[key]} for machines and {value} for people")
    if API_NAMES.get(values["api"], values["api"]) != first[4]:
        raise Mismatch(f"api is {values['api']} for machines and {first[4]} for people")
    if (values["requested"] == "unknown") != (size is None) and block:
        raise Mismatch("the requested size is given to machines only, or to people only")
    values["pid"] = first[1]
    values["modules"] = [match[3] for match in called]
    return values
