"""What a report says about made-up runs."""

import json
import types
import unittest

import lab  # noqa: F401
from hakbench import svg
from hakbench.cases import CaseFailed
from hakbench.peers import Peer
from hakbench.report import Report
from hakbench.session import run_rounds


class MadeCase:
    """A case whose costs are given: {peer: [cost per round]}; None fails."""

    family, unit = "workloads", "ns/op"

    def __init__(self, label, costs, family="workloads", threads=1):
        self.label, self.costs, self.family, self.threads = label, costs, family, threads
        self.order = []

    def run(self, peer):
        self.order.append(peer.name)
        cost = self.costs[peer.name][self.order.count(peer.name) - 1]
        if cost is None:
            raise CaseFailed("signal 6: made to fail")
        return {"cost": cost, "rss_peak_kib": 1000 * cost}


PEERS = [Peer("hakmem", "/h"), Peer("glibc", ""), Peer("fastone", "/f")]
STEADY = MadeCase("steady", {"hakmem": [5.0] * 4, "glibc": [10.0] * 4, "fastone": [4.0] * 4})
WILD = MadeCase("wild", {"hakmem": [5.0, 50, 5, 50], "glibc": [10.0] * 4, "fastone": [4.0] * 4})
FAILS = MadeCase("fails", {"hakmem": [5.0, None], "glibc": [10.0] * 4, "fastone": [4.0] * 4})


def report_on(*cases, rounds=4):
    said = []
    for case in cases:
        case.order.clear()
    results = run_rounds(list(cases), PEERS, rounds, said.append)
    return Report(list(cases), PEERS, results, 0.1, {"date": "today"}), said


class Ratios(unittest.TestCase):
    def test_against_the_baseline_and_the_best_peer(self):
        report, _ = report_on(STEADY)
        self.assertEqual(report.ratio(STEADY, "hakmem"), 2.0)
        self.assertEqual(report.best_peer(STEADY, "hakmem"), "fastone")
        self.assertEqual(report.against_best(STEADY, "hakmem"), "0.80 (fastone)")

    def test_a_refused_case_leaves_the_mean(self):
        report, _ = report_on(STEADY, WILD)
        self.assertEqual(report.mean_ratio([STEADY, WILD], "hakmem"), (2.0, 1))

    def test_a_wide_figure_is_shown_as_refused_only(self):
        report, _ = report_on(STEADY, WILD)
        markdown = report.document("hakmem").markdown()
        self.assertIn("wild under hakmem: not published, spread 164%", markdown)
        self.assertNotIn("27.5", markdown)
        row = report.as_json()["cases"][1]["peers"]["hakmem"]
        self.assertIsNone(row["cost"])
        self.assertIsNone(row["times_as_fast"])


class Failures(unittest.TestCase):
    def test_a_failing_peer_is_named_and_its_earlier_rounds_unused(self):
        report, said = report_on(FAILS)
        self.assertEqual(report.failures(), [("fails", "hakmem", "signal 6: made to fail")])
        self.assertEqual(report.cell(FAILS, "hakmem"), "failed")
        self.assertIsNone(report.ratio(FAILS, "hakmem"))
        self.assertEqual(said[-1], "round 4 of 4 done")

    def test_the_others_go_on(self):
        report, _ = report_on(FAILS)
        self.assertEqual(report.ratio(FAILS, "fastone"), 2.5)


class Rounds(unittest.TestCase):
    def test_are_interleaved_in_a_turning_order(self):
        report_on(STEADY)
        self.assertEqual(STEADY.order[:6],
                         ["hakmem", "glibc", "fastone", "glibc", "fastone", "hakmem"])

    def test_two_rounds_publish_nothing(self):
        report, _ = report_on(STEADY, rounds=2)
        self.assertEqual({reason for _, _, reason in report.refused()}, {"only 2 rounds"})


class Writing(unittest.TestCase):
    def test_html_and_plots_hold_what_they_should(self):
        case = MadeCase("t<2", {"hakmem": [5.0] * 4, "glibc": [10.0] * 4, "fastone": [4.0] * 4},
                        family="threads: made", threads=2)
        report, _ = report_on(STEADY, case)
        document = report.document("hakmem")
        html = document.html()
        self.assertIn("t&lt;2", html)
        self.assertEqual(html.count("<svg "), 2)
        self.assertEqual(html.count("<svg "), html.count("</svg>"))
        json.dumps(report.as_json(), allow_nan=False)

    def test_a_ratio_plot_puts_faster_to_the_right(self):
        plot = svg.ratio_plot("t", ["a", "b"], [("row", {"a": 0.5, "b": 2.0})])
        points = [types.SimpleNamespace(x=float(part.split('"')[1]), name=part)
                  for part in plot.split("<circle ")[1:] if "title>a:" in part
                  or "title>b:" in part]
        self.assertEqual(len(points), 2)
        self.assertLess(points[0].x, points[1].x)


if __name__ == "__main__":
    unittest.main()
