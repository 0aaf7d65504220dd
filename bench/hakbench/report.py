"""Turns the runs into tables, plots and JSON. A refused figure is shown as refused, never used."""

import math

from hakbench import svg
from hakbench.document import Document
from hakbench.peers import NOT_COMPETING
from hakbench.stats import geometric_mean, speed_ratio

BASELINE = "glibc"
MEMORY = (("rss_peak_kib", "peak resident set, KiB"),
          ("rss_end_kib", "resident set after everything is freed, KiB"),
          ("minor_faults", "minor page faults"))


def ratio_text(value):
    """Two decimals, or two digits where those would read 0.00."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


class Report:
    """One session's results, read through the spread limit."""

    def __init__(self, cases, peers, results, limit, meta):
        self.cases = cases
        self.names = [peer.name for peer in peers]
        self.results = results
        self.limit = limit
        self.meta = meta
        self.costs = {case.label: {name: series.figure("cost", limit)
                                   for name, series in results[case.label].items()}
                      for case in cases}

    def ratio(self, case, name, baseline=BASELINE):
        """Times as fast as the baseline on one case, or None where that is refused."""
        costs = self.costs[case.label]
        return speed_ratio(costs.get(baseline), costs.get(name), self.limit).value

    def best_peer(self, case, subject):
        """The fastest competing peer; settings of the subject (its name and a dash) are none."""
        costs = self.costs[case.label]
        rivals = {name: costs[name].median for name in costs
                  if name != subject and not name.startswith(subject + "-")
                  and name not in NOT_COMPETING and costs[name].values}
        return min(rivals, key=rivals.get) if rivals else None

    def cell(self, case, name):
        series = self.results[case.label].get(name)
        if series is None:
            return "-"
        if series.failure:
            return "failed"
        figure = self.costs[case.label][name]
        return f"refused ({figure.refusal})" if figure.refusal \
            else f"{figure.value:.3g} ±{figure.spread:.0%}"

    def families(self):
        result = {}
        for case in self.cases:
            result.setdefault(case.family, []).append(case)
        return result

    def failures(self):
        return [(case.label, name, series.failure) for case in self.cases
                for name, series in self.results[case.label].items() if series.failure]

    def refused(self):
        return [(case.label, name, self.costs[case.label][name].refusal) for case in self.cases
                for name, series in self.results[case.label].items()
                if not series.failure and self.costs[case.label][name].refusal]

    def mean_ratio(self, cases, name, baseline=BASELINE):
        """Geometric mean over the cases both have; how many went in comes with it."""
        ratios = [ratio for case in cases
                  if (ratio := self.ratio(case, name, baseline)) is not None]
        return geometric_mean(ratios), len(ratios)

    def document(self, subject):
        """The whole report; `subject` is the allocator all this is about, or None."""
        document = Document("Allocator benchmark")
        document.paragraph("; ".join(f"{name}: {value}" for name, value in self.meta.items()))
        document.paragraph(
            "Medians of interleaved rounds with the interquartile range over the median. Ratios "
            "are medians of per-round ratios, with a spread of their own; above 1 is faster. A "
            f"figure or ratio whose spread exceeds {self.limit:.0%} is refused: it is not shown, "
            "and enters no mean. Single-threaded cases and programs count processor time, cases "
            "with threads wall time.")
        for family, cases in self.families().items():
            document.heading(family[0].upper() + family[1:])
            self.add_cost_table(document, cases)
            self.add_ratios(document, family, cases, subject)
        self.add_memory(document)
        self.add_system_calls(document)
        self.add_omissions(document)
        return document

    def add_cost_table(self, document, cases):
        units = {case.label: case.unit for case in cases}
        document.table(["case", "unit", *self.names],
                       [[case.label, units[case.label],
                         *(self.cell(case, name) for name in self.names)] for case in cases])

    def add_ratios(self, document, family, cases, subject):
        rows, plotted = [], []
        for case in cases:
            cells = {name: ratio for name in self.names
                     if (ratio := self.ratio(case, name)) is not None}
            if cells:
                plotted.append((case.label, cells))
            row = [case.label, *(ratio_text(cells[name]) if name in cells else "-"
                                 for name in self.names)]
            if subject:
                row.append(self.against_best(case, subject))
            rows.append(row)
        means = {name: self.mean_ratio(cases, name) for name in self.names}
        mean_row = ["geometric mean (cases)",
                    *(f"{ratio_text(means[name][0])} ({means[name][1]})" if means[name][0] else "-"
                      for name in self.names)]
        document.table([f"times as fast as {BASELINE}", *self.names,
                        *([f"{subject} against the best peer"] if subject else [])],
                       rows + [mean_row + ([""] if subject else [])])
        slug = "".join(letter if letter.isalnum() else "-" for letter in family)
        if family.startswith(("threads", "live")):
            self.add_lines(document, family, slug, cases)
        elif plotted:
            document.figure(slug, svg.ratio_plot(f"{family}: times as fast as {BASELINE}",
                                                 self.names, plotted))

    def against_best(self, case, subject):
        best = self.best_peer(case, subject)
        ratio = self.ratio(case, subject, best) if best else None
        return f"{ratio_text(ratio)} ({best})" if ratio is not None else "-"

    def add_lines(self, document, family, slug, cases):
        attribute, x_title = ("threads", "threads") if family.startswith("threads") \
            else ("live", "live objects")
        series = {}
        for name in self.names:
            points = [(getattr(case, attribute), self.costs[case.label][name].value)
                      for case in cases if name in self.costs[case.label]
                      and self.costs[case.label][name].value is not None]
            if points:
                series[name] = points
        if series:
            document.figure(slug, svg.line_plot(family, x_title, cases[0].unit, series))

    def add_memory(self, document):
        for metric, title in MEMORY:
            rows = []
            for case in self.cases:
                cells = [self.memory_cell(case, name, metric) for name in self.names]
                if any(cell != "-" for cell in cells):
                    rows.append([case.label, *cells])
            if rows:
                document.heading(title[0].upper() + title[1:])
                document.table(["case", *self.names], rows)
        self.add_overhead(document)

    def memory_cell(self, case, name, metric):
        series = self.results[case.label].get(name)
        if series is None or series.failure or metric not in series.values:
            return "-"
        figure = series.figure(metric, self.limit)
        return f"{figure.median:,.0f}" if not figure.refusal else f"refused ({figure.refusal})"

    def add_overhead(self, document):
        """Resident over live bytes where the workload sampled both, at the telling moment."""
        rows = []
        for case in self.cases:
            cells = []
            for name in self.names:
                series = self.results[case.label].get(name)
                live = series.values.get("sampled_live_bytes") if series else None
                if not live or series.failure or not live[0]:
                    cells.append("-")
                    continue
                resident = series.figure("sampled_resident_kib", self.limit)
                cells.append(f"refused ({resident.refusal})" if resident.refusal
                             else f"{resident.median * 1024 / live[0]:.3f}")
            if any(cell != "-" for cell in cells):
                rows.append([case.label, *cells])
        if rows:
            document.heading("Resident over live bytes")
            document.table(["case", *self.names], rows)

    def add_system_calls(self, document):
        rows = []
        for case in self.cases:
            counts = [self.results[case.label].get(name) for name in self.names]
            if any(series and series.system_calls for series in counts):
                rows.append([case.label, *(f"{series.system_calls:,}" if series
                                           and series.system_calls else "-"
                                           for series in counts)])
        if rows:
            document.heading("System calls of one run, start-up included")
            document.table(["case", *self.names], rows)

    def add_omissions(self, document):
        document.heading("Left out")
        for label, name, reason in self.refused():
            document.paragraph(f"{label} under {name}: not published, {reason}.")
        for label, name, reason in self.failures():
            document.paragraph(f"{label} under {name}: failed, {reason}.")
        if not self.refused() and not self.failures():
            document.paragraph("Nothing.")

    def as_json(self):
        """Everything measured, so that another limit can be applied later."""
        rows = []
        for case in self.cases:
            row = {"case": case.label, "family": case.family, "unit": case.unit, "peers": {}}
            for name, series in self.results[case.label].items():
                figure = self.costs[case.label][name]
                row["peers"][name] = {
                    "cost": figure.value, "refusal": figure.refusal, "failure": series.failure,
                    "spread": figure.spread if math.isfinite(figure.spread) else None,
                    "runs": series.values,
                    "system_calls": series.system_calls, "times_as_fast": self.ratio(case, name)}
            rows.append(row)
        return {"meta": self.meta, "spread_limit": self.limit, "cases": rows}
