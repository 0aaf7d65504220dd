"""Statements over bit vectors, refuted or proved by z3: what arithmetic.py is written in."""

import re
import subprocess


def num(value, bits=64):
    return f"(_ bv{value} {bits})"


def add(*terms):
    return f"(bvadd {' '.join(terms)})"


def sub(left, right):
    return f"(bvsub {left} {right})"


def mul(left, right):
    return f"(bvmul {left} {right})"


def shr(value, count):
    return f"(bvlshr {value} {num(count) if isinstance(count, int) else count})"


def shl(value, count):
    return f"(bvshl {value} {num(count) if isinstance(count, int) else count})"


def band(left, right):
    return f"(bvand {left} {right})"


def bor(left, right):
    return f"(bvor {left} {right})"


def rem(left, right):
    return f"(bvurem {left} {right})"


def lt(left, right):
    return f"(bvult {left} {right})"


def le(left, right):
    return f"(bvule {left} {right})"


def eq(left, right):
    return f"(= {left} {right})"


def both(*terms):
    return f"(and {' '.join(terms)} true)"


def implies(premise, conclusion):
    return f"(=> {premise} {conclusion})"


def low(value, bits):
    """The low bits of a 64-bit value, as C's conversion to a shorter unsigned type and back."""
    return f"((_ zero_extend {64 - bits}) ((_ extract {bits - 1} 0) {value}))"


class Claim:
    """For all values of the variables: premise implies conclusion."""

    def __init__(self, label, variables, premise, conclusion):
        self.label, self.variables = label, variables
        self.premise, self.conclusion = premise, conclusion

    def queries(self):
        """What must be unsatisfiable, and what must not: a premise nothing fulfils proves nothing."""
        declared = "".join(f"(declare-const {name} (_ BitVec {bits}))"
                           for name, bits in self.variables.items())
        return (f"(push){declared}(assert {self.premise})(check-sat)"
                f"(assert (not {self.conclusion}))(check-sat)(get-value ({' '.join(self.variables)}))(pop)")


class Whole(Claim):
    """The same over whole numbers not below 0, where nothing wraps: the claims say that nothing does."""

    def queries(self):
        declared = "".join(f"(declare-const {name} Int)(assert (<= 0 {name}))" for name in self.variables)
        return (f"(push){declared}(assert {self.premise})(check-sat)"
                f"(assert (not {self.conclusion}))(check-sat)(get-value ({' '.join(self.variables)}))(pop)")


def floor_of(quotient, value, divisor):
    """quotient == value / divisor, rounded down; the divisor is a constant."""
    return f"(and (<= (* {divisor} {quotient}) {value}) (< {value} (+ (* {divisor} {quotient}) {divisor})))"


def decide(claims, timeout_seconds=300):
    """Asks z3 for every claim; a list of (label, verdict), a verdict being None if the claim is proved."""
    script = "(set-option :print-success false)" + "\n".join(
        claim.queries() for claim in claims)
    run = subprocess.run(["z3", "-in", f"-T:{timeout_seconds}"], input=script, capture_output=True,
                         text=True, check=False)
    answers = re.split(r"(?m)^(sat|unsat|unknown|timeout)$", run.stdout)
    words = answers[1::2]
    details = answers[2::2]
    verdicts = []
    for index, claim in enumerate(claims):
        premise, negated = (words[2 * index:2 * index + 2] + ["unknown"] * 2)[:2]
        if premise != "sat":
            verdict = f"premise is {premise}"
        elif negated == "sat":
            verdict = "counterexample " + " ".join(details[2 * index + 1].split())
        elif negated != "unsat":
            verdict = f"z3 says {negated}"
        else:
            verdict = None
        verdicts.append((claim.label, verdict))
    return verdicts
