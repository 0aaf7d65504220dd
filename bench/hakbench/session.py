"""Interleaved rounds: every allocator runs each case once per round, in a turning order."""

import sys

from hakbench import peers as peer_list
from hakbench.cases import CaseFailed
from hakbench.stats import Figure

# What is kept of every run, beside `cost`.
KEPT = ("cost", "rss_peak_kib", "rss_end_kib", "minor_faults", "major_faults",
        "voluntary_switches", "sampled_resident_kib", "sampled_live_bytes", "live_peak_bytes",
        "system_seconds", "wall_seconds")


class Series:
    """All runs of one case under one allocator."""

    def __init__(self):
        self.values = {}
        self.failure = None
        self.system_calls = None

    def add(self, row):
        for name in KEPT:
            if name in row:
                self.values.setdefault(name, []).append(row[name])

    def figure(self, name, limit):
        """The figure called `name`; empty after a failure, so that it cannot be published."""
        return Figure([] if self.failure else self.values.get(name, []), limit)


def sits_out(case, peer):
    """libdislocator maps pages per object: it runs only where few objects are made."""
    return peer.name in peer_list.NOT_COMPETING and case.label not in ("pair64", "true")


def run_rounds(cases, peers, rounds, say):
    """Returns {case label: {peer name: Series}}."""
    results = {case.label: {peer.name: Series() for peer in peers if not sits_out(case, peer)}
               for case in cases}
    for round_number in range(rounds):
        for case in cases:
            # The order turns, so that no allocator always runs after the same one.
            turn = round_number % len(peers)
            for peer in peers[turn:] + peers[:turn]:
                series = results[case.label].get(peer.name)
                if series is None or series.failure:
                    continue
                try:
                    series.add(case.run(peer))
                except CaseFailed as error:
                    series.failure = str(error)
                    say(f"{case.label} under {peer.name} failed: {error}")
        say(f"round {round_number + 1} of {rounds} done")
    return results


def count_system_calls(cases, peers, results, say):
    """A separate pass, since tracing slows everything down."""
    for case in cases:
        if not hasattr(case, "count_system_calls"):
            continue
        for peer in peers:
            series = results[case.label].get(peer.name)
            if series is None or series.failure:
                continue
            try:
                series.system_calls = case.count_system_calls(peer)
            except CaseFailed as error:
                say(f"{case.label} under {peer.name}: {error}")
    say("system calls counted")


def progress(text):
    print(f"run.py: {text}", file=sys.stderr, flush=True)
