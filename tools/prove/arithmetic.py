#!/usr/bin/env python3
"""Proves the allocator's arithmetic for all values, with z3.

  arithmetic.py FACTS PROOF           proves it, prints how many claims hold
  arithmetic.py FACTS PROOF --wrong   the same with the mistake that must be found: exit status 1
  arithmetic.py FACTS --all           every proof, which must hold, and every mistake, which must not
  arithmetic.py --list                names the proofs

FACTS is the program hakmem_facts: it prints the constants as compiled and values of the real functions.
Each formula must give these values before anything is proved about it.
"""

import json
import shutil
import subprocess
import sys

from smt import (Claim, Whole, add, band, bor, both, decide, eq, floor_of, implies, le, low, lt, mul, num,
                 rem, shl, shr, sub)

# Kernels give user space less than 2^47 bytes unless a program asks for more; nothing here does.
USER_END = 1 << 47
ZERO = num(0)


def samples_of(facts, name, formula):
    """The formula gives what the function gave: formula(arguments) against the result."""
    claims = []
    for number, row in enumerate(facts[name]):
        claims.append(Claim(f"{name} sample {number}", {"x": 1}, "true", formula(*map(num, row))))
    return claims


def truth(value):
    return f"(ite {value} {num(1)} {ZERO})"


# ---- what a pointer is ----

def granule_of(p, base, wrong=False):
    offset = sub(p, base)
    return shr(offset, 4) if wrong else bor(shr(offset, 4), shl(offset, 60))


def region(facts, wrong):
    """first_look's one compare: in range and aligned, for every pointer, base and size of the arena."""
    unit, most = facts["unit_bytes"], facts["max_arena_bytes"] // facts["granule_bytes"]
    arena = both(eq(rem("base", num(unit)), ZERO), le("g", num(most)), lt("base", num(USER_END)))
    inside = both(le("base", "p"), lt(sub("p", "base"), shl("g", 4)))
    accepted = lt(granule_of("p", "base", wrong), "g")
    variables = {"p": 64, "base": 64, "g": 64}
    return [
        Claim("accepted <=> in range and a multiple of 16", variables, arena,
              eq(accepted, both(inside, eq(band("p", num(15)), ZERO)))),
        Claim("accepted => the granule is that of the pointer", variables, both(arena, accepted),
              eq(granule_of("p", "base"), shr(sub("p", "base"), 4))),
        Claim("nothing is accepted before there is an arena", {"p": 64}, "true",
              f"(not {lt(granule_of('p', num(1 << 63)), ZERO)})"),
    ]


def contains(facts, wrong):
    """Arena::contains: in range, aligned or not."""
    most = facts["max_arena_bytes"] // facts["granule_bytes"]
    compare = le if wrong else lt
    inside = both(le("base", "p"), lt(sub("p", "base"), shl("g", 4)))
    ties = samples_of(facts, "contains", lambda p, base, g, out: eq(
        truth(lt(shr(sub(p, base), 4), g)), out))
    return ties + [Claim("contains <=> in range", {"p": 64, "base": 64, "g": 64},
                         both(le("g", num(most)), lt("base", num(USER_END))),
                         eq(compare(shr(sub("p", "base"), 4), "g"), inside))]


def units(facts, wrong):
    """The unit from the granule is the unit from the pointer, inside the tables, without loss in u32."""
    shift = facts["granule_to_unit_shift"] - (1 if wrong else 0)
    most = facts["max_arena_bytes"] // facts["granule_bytes"]
    index = shr(sub("p", "base"), 4)
    premise = both(le("base", "p"), lt(index, "g"), le("g", num(most)),
                   eq(rem("g", num(facts["unit_bytes"] // 16)), ZERO))
    variables = {"p": 64, "base": 64, "g": 64}
    unit = shr(sub("p", "base"), 16)
    return [Claim("granule >> 12 == unit", variables, premise, eq(shr(index, shift), unit)),
            Claim("unit below the number of units", variables, premise, lt(unit, shr("g", 12))),
            Claim("unit fits u32 and is not kNoSpan", variables, premise,
                  both(eq(low(unit, 32), unit), lt(unit, num(facts["no_span"]))))]


def state_bias(facts, wrong):
    """state_of by one bias equals state + (p - base) / 16."""
    premise = both(le("base", "p"), "true" if wrong else eq(band("base", num(15)), ZERO))
    bias = sub("state", shr("base", 4))
    return [Claim("bias + (p >> 4) == state + ((p - base) >> 4)", {"p": 64, "base": 64, "state": 64},
                  premise, eq(add(bias, shr("p", 4)), add("state", shr(sub("p", "base"), 4))))]


def word_table(facts, wrong):
    """Slab words and state bytes, one base register for both, never overlap, in the largest arena."""
    distance = facts["word_table_distance"] // (4 if wrong else 1)
    most_units = facts["max_arena_bytes"] // facts["unit_bytes"]
    word = add(sub("state", num(distance)), shl("unit", 3))
    premise = both(lt("unit", num(most_units)), le(num(1 << 33), "state"), lt("state", num(USER_END)))
    return [Claim("a word ends at or before the first state byte", {"state": 64, "unit": 64}, premise,
                  le(add(word, num(8)), "state")),
            Claim("words lie behind the table's begin", {"state": 64, "unit": 64}, premise,
                  le(sub("state", num(distance)), word))]


# ---- sizes ----

def reciprocal(facts, wrong):
    """slot_index is the quotient, and index * stride == offset says "slot start": every stride."""
    shift = facts["reciprocal_shift"]
    claims = samples_of(facts, "slot_index", lambda offset, factor, out, _: eq(
        low(shr(mul(offset, factor), shift), 32), out))
    for stride, unit_count in zip(facts["strides"], facts["units"]):
        factor = (1 << shift) // stride + (0 if wrong else 1)
        end = unit_count * facts["unit_bytes"]
        premise = f"(and (< offset {end}) {floor_of('q', f'(* {factor} offset)', 1 << shift)})"
        claims.append(Whole(f"stride {stride}", ["offset", "q"], premise, floor_of("q", "offset", stride)))
        claims.append(Whole(f"stride {stride} does not wrap", ["offset", "q"], premise,
                            f"(and (< (* {factor} offset) {1 << 64}) (< q {1 << 32}))"))
    return claims


def granules(facts, wrong):
    """granules_for: the bytes and the next header fit, a granule less would not, the table has it."""
    most = facts["max_slab_request"]

    def formula(n):
        return shr(add(n, num(15 if wrong else 16)), 4)

    count = formula("n")
    premise = le("n", num(most))
    ties = samples_of(facts, "granules_for", lambda n, out, *_: eq(shr(add(n, num(16)), 4), out))
    return ties + [
        Claim("n + 1 bytes fit", {"n": 64}, premise, lt("n", shl(count, 4))),
        Claim("one granule less does not hold them", {"n": 64}, premise,
              le(shl(sub(count, num(1)), 4), "n")),
        Claim("the index is in the table", {"n": 64}, premise, lt(count, num(facts["class_table_size"]))),
    ]


def class_mapping(facts, wrong):
    """A stride holds the request and the header <=> it holds the granules: G1 for every stride."""
    count = shr(add("n", num(16)), 4)
    stride = both(lt("s", num(1 << 32)), "true" if wrong else eq(band("s", num(15)), ZERO))
    claims = [Claim("s >= n + 1 <=> s >= 16 granules_for(n)", {"n": 64, "s": 64},
                    both(le("n", num(facts["max_slab_request"])), stride),
                    eq(lt("n", "s"), le(shl(count, 4), "s")))]
    for before, after in zip(facts["strides"], facts["strides"][1:]):
        claims.append(Claim(f"{before} < {after}, both granules", {"x": 1}, "true",
                            both(lt(num(before), num(after)), eq(band(num(after), num(15)), ZERO))))
    return claims


def rounding(facts, wrong):
    """round_up for every power of two: the smallest multiple that is not below, without wrapping."""
    ties = samples_of(facts, "round_up", lambda value, multiple, out, _: eq(
        mul(f"(bvudiv {sub(add(value, multiple), num(1))} {multiple})", multiple), out))
    one = shl(num(1), "k")
    # Division by 2^k and multiplication again clear the low bits.
    up = band(add("v", sub(one, num(0 if wrong else 1))), f"(bvnot {sub(one, num(1))})")
    premise = both(le("k", num(31)), le("v", num(facts["max_request"])))
    return ties + [Claim("not below, less than one multiple above, a multiple", {"v": 64, "k": 64}, premise,
                         both(le("v", up), lt(sub(up, "v"), one), eq(band(up, sub(one, num(1))), ZERO)))]


def large_fit(facts, wrong):
    """A large block, its alignment and its guards lie inside the units that were taken for it; every
    alignment, with guards and without."""
    page, unit = facts["page_bytes"], facts["unit_bytes"]
    claims = []
    for alignment in [1 << k for k in range(42)]:
        for guard in (0, page):
            grain = max(alignment, page)
            extra = 2 * guard + unit - 1 + (alignment if alignment > page and not wrong else 0)
            premise = (f"(and (< begin {USER_END}) (<= block {facts['max_arena_bytes']}) (< 0 block)"
                       f" (= (* {unit} first) begin) (= (* {page} pages) block)"
                       f" {floor_of('units', f'(+ block {extra})', unit)}"
                       f" {floor_of('m', f'(+ begin {guard + grain - 1})', grain)})")
            start = f"(* {grain} m)"
            claims.append(Whole(
                f"alignment {alignment}, guard {guard}", ["begin", "first", "block", "pages", "units", "m"],
                premise, f"(and (<= (+ begin {guard}) {start})"
                         f" (<= (+ {start} block {guard}) (+ begin (* {unit} units))))"))
    return claims


def large_place(facts, wrong):
    """The random page of a large block leaves both guards inside the span, and fits the generator."""
    page = facts["page_bytes"]
    slack = f"(- end start {page} block)"
    premise = (f"(and (< end {USER_END}) (<= (+ start block {page}) end) {floor_of('most', slack, page)}"
               f" (<= pick {'(+ most 1)' if wrong else 'most'}) (<= end (+ start {2 * facts['max_arena_bytes']})))")
    return [Whole("moved + block + guard <= end", ["start", "end", "block", "most", "pick"], premise,
                  f"(and (<= (+ start (* {page} pick) block {page}) end) (< (+ most 1) {1 << 32}))")]


def large_overflow(facts, wrong):
    """What allocate computes of a size up to PTRDIFF_MAX cannot wrap unnoticed: the sums before the
    checked additions are below 2^64."""
    page, unit = facts["page_bytes"], facts["unit_bytes"]
    most = (1 << 64) - 1 if wrong else facts["max_request"]
    rounded = add("n", num(page - 1))
    block = band(rounded, num((1 << 64) - page))
    premise = both(lt(ZERO, "n"), le("n", num(most)))
    return [Claim("rounding up does not wrap", {"n": 64}, premise, both(le("n", rounded), le("n", block))),
            Claim("the constant that is added does not wrap", {"n": 64}, premise,
                  le(num(2 * page + unit - 1), add(num(2 * page), num(unit - 1))))]


# ---- magazines and owners ----

def boundary(facts, wrong):
    """The bits of a place in the block zero <=> an allocation magazine is empty; nothing is read or written
    outside of the block, not even by a top that a few handlers moved too far."""
    size, slack = facts["magazine_bytes"], facts["overshoot_bytes"]
    most = facts["magazine_slots"] + (8 if wrong else 0)
    at = eq(band("top", num(size - slack)), ZERO)
    ties = samples_of(facts, "at_boundary", lambda top, out, *_: eq(
        truth(eq(band(top, num(size - slack)), ZERO)), out))
    block = both(eq(band("block", num(size - 1)), ZERO), lt("block", num(USER_END)), le("count", num(most)),
                 eq("top", sub(add("block", num(size)), shl("count", 3))))
    variables = {"block": 64, "top": 64, "count": 64}
    return ties + [
        Claim("boundary <=> nothing between top and the end", variables, block, eq(at, eq("count", ZERO))),
        Claim("off the boundary the entry at top is in the block", variables,
              both(block, f"(not {at})"),
              both(lt("block", "top"), le(add("top", num(8)), add("block", num(size))))),
        Claim("too far at the end is at the boundary", {"block": 64, "by": 64},
              both(eq(band("block", num(size - 1)), ZERO), lt("block", num(USER_END)), lt("by", num(slack // 8))),
              eq(band(add(add("block", num(size)), shl("by", 3)), num(size - slack)), ZERO)),
        Claim("too far at the limit is in the block and off the boundary", {"block": 64, "top": 64, "count": 64, "by": 64},
              both(block, le("by", num(slack // 8)), eq("count", num(most))),
              both(lt("block", sub("top", shl("by", 3))),
                   f"(not {eq(band(sub('top', shl('by', 3)), num(size - slack)), ZERO)})")),
    ]


def counts(facts, wrong):
    """alloc_count and free_count are the numbers of pointers from the top to the end of the block."""
    size, slack = facts["magazine_bytes"], facts["overshoot_bytes"]

    def room(top):
        bits = band(top, num(size - 1))
        return f"(ite {lt(bits, num(slack))} {ZERO} {shr(sub(num(size), bits), 3)})"

    ties = samples_of(facts, "alloc_count", lambda top, out, *_: eq(room(top), out))
    ties += samples_of(facts, "free_count", lambda top, out, *_: eq(room(top), out))
    premise = both(eq(band("block", num(size - 1)), ZERO), lt("block", num(USER_END)),
                   le("count", num(facts["magazine_slots"])),
                   eq("top", sub(add("block", num(size)), shl("count", 2 if wrong else 3))))
    return ties + [Claim("count == pointers between top and the end", {"block": 64, "top": 64, "count": 64},
                         premise, eq(room("top"), "count"))]


def owner(facts, wrong):
    """The owner check: the word's distance from a cache is below kPairsBytes <=> the slab is its own."""
    pairs, cache = facts["pairs_bytes"], facts["pair_bytes"] if wrong else facts["cache_bytes"]
    apart = f"(or {le(add('a', num(cache)), 'b')} {le(add('b', num(cache)), 'a')})"
    user = both(*(both(le(num(1 << 16), x), lt(x, num(USER_END)), eq(band(x, num(511)), ZERO))
                  for x in ("a", "b")))
    word = add("a", mul("class", num(facts["pair_bytes"])))
    premise = both(user, lt("class", num(len(facts["strides"]))))
    variables = {"a": 64, "b": 64, "class": 64}
    return [Claim("another cache's word is too far", variables, both(premise, apart),
                  le(num(pairs), sub(word, "b"))),
            Claim("its own word gives the class's pair", variables, premise,
                  both(lt(sub(word, "a"), num(pairs)),
                       eq(sub(word, "a"), mul("class", num(facts["pair_bytes"]))))),
            Claim("the word of nobody is too far", variables, premise, le(num(pairs), sub(ZERO, "b")))]


def state_bytes(facts, wrong):
    """State and header bytes: kinds exclude each other, the fast paths' single instructions change live
    into free and back, no slab's byte is a large block's."""
    live, virgin, remote = facts["live_bits"], facts["virgin_bits"], facts["remote_bits"]
    key = both(le(num(0 if wrong else facts["lowest_key"]), "k"), le("k", num(facts["key_mask"])))

    def is_live(state):
        return f"(bvslt ((_ extract 7 0) {state}) {num(virgin, 8)})"

    ties = samples_of(facts, "is_live_state", lambda state, out, *_: eq(truth(is_live(state)), out))
    free, alive = "k", bor("k", num(live))
    other = [num(facts["large_live"]), num(facts["large_freed"]), ZERO]
    return ties + [
        Claim("live, and nothing else is", {"k": 64}, key,
              both(is_live(alive), *(f"(not {is_live(x)})" for x in (
                  free, bor("k", num(virgin)), bor("k", num(remote)), *other)))),
        Claim("or makes free live, and makes live free", {"k": 64}, key,
              both(eq(bor(free, num(live)), alive), eq(band(alive, num(facts["key_mask"])), free))),
        Claim("no slot's byte is that of a large block or of no slot", {"k": 64}, key,
              both(*(f"(not {eq(bor('k', num(kind)), x)})" for kind in (0, live, virgin, remote)
                     for x in other))),
    ]


def slab_layout(facts, wrong):
    """Slots, colour and the guard page of a slab: the last slot's last byte, a header, is inside."""
    page, unit = facts["page_bytes"], facts["unit_bytes"]
    claims = []
    for stride, count, alignment in zip(facts["strides"], facts["units"], facts["alignments"]):
        for guard in (0, page):
            room = count * unit - guard - alignment
            slots = room // stride + (1 if wrong else 0)
            steps = (room - room // stride * stride) // alignment
            at = f"(+ {alignment} (* {alignment} pick) (* {stride} i))"
            claims.append(Whole(
                f"stride {stride}, guard {guard}", ["i", "pick"], f"(and (< i {slots}) (<= pick {steps}))",
                f"(and (<= (+ {at} {stride}) {count * unit - guard}) (< 0 {at})"
                f" (= (mod {at} {alignment}) 0) (< i {facts['max_slab_slots']}))"))
    return claims


def below(facts, wrong):
    """Random::below stays below its bound for every 64-bit number and every bound but 0."""
    del facts
    most = (1 << 33) if wrong else 1 << 32
    premise = f"(and (< x {most}) (< 0 bound) (< bound {1 << 32}) {floor_of('q', '(* x bound)', 1 << 32)})"
    return [Whole("(x >> 32) * bound >> 32 < bound, without wrapping", ["x", "bound", "q"], premise,
                  f"(and (< q bound) (< (* x bound) {1 << 64}))")]


def generation(facts, wrong):
    """A context of an older generation never looks current, up to 2^32 - 1 changes."""
    del facts
    most = (1 << 33) if wrong else (1 << 32) - 1
    now = low(add("generation", "changes"), 32)
    premise = both(lt("generation", num(1 << 32)), le(num(1), "changes"), le("changes", num(most)))
    return [Claim("generation + changes != generation in u32", {"generation": 64, "changes": 64}, premise,
                  f"(not {eq(now, 'generation')})")]


def capacity(facts, wrong):
    """Magazine capacities: at least two, at most what the block holds below its first word."""
    most = facts["magazine_slots"] - (1 if wrong else 0)
    return [Claim(f"stride {stride}", {"x": 1}, "true",
                  both(le(num(2), num(value)), le(num(value), num(most)),
                       implies(lt(num(2), num(value)), le(mul(num(value), num(stride)), num(64 * 1024)))))
            for stride, value in zip(facts["strides"], facts["capacities"])]


PROOFS = {proof.__name__: proof for proof in (
    region, contains, units, state_bias, word_table, reciprocal, granules, class_mapping, rounding,
    large_fit, large_place, large_overflow, boundary, counts, owner, state_bytes, slab_layout,
    below, generation, capacity)}


def facts_of(program):
    try:
        run = subprocess.run([program], capture_output=True, text=True, check=True)
        return json.loads(run.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"arithmetic.py: {program} gives no facts: {error}", file=sys.stderr)
        sys.exit(2)


def prove(facts, name, wrong):
    """Prints the claims that were refuted and the counts; True if every claim holds."""
    verdicts = decide(PROOFS[name](facts, wrong))
    refuted = [(label, verdict) for label, verdict in verdicts if verdict]
    for label, verdict in refuted[:5]:
        print(f"{label}: {verdict}")
    print(f"{name}: {len(verdicts) - len(refuted)} claims proved, {len(refuted)} refuted")
    return bool(verdicts) and not refuted


def main():
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        print("\n".join(PROOFS))
        return 0
    if len(arguments) < 2 or arguments[1] not in (*PROOFS, "--all") or arguments[2:] not in ([], ["--wrong"]):
        print("arithmetic.py: usage: arithmetic.py FACTS PROOF|--all [--wrong] | --list", file=sys.stderr)
        return 2
    if not shutil.which("z3"):
        print("arithmetic.py: no z3; install the Debian package z3", file=sys.stderr)
        return 2
    facts = facts_of(arguments[0])
    if arguments[1] != "--all":
        return 0 if prove(facts, arguments[1], bool(arguments[2:])) else 1
    wrong = [name for name in PROOFS if not prove(facts, name, False) or prove(facts, name, True)]
    print(f"{len(PROOFS)} proofs, {len(wrong)} wrong {' '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
