"""Medians, spreads, ratios, and the rule that a wide spread is not published."""

import math
import statistics

MINIMUM_ROUNDS = 3
DEFAULT_SPREAD_LIMIT = 0.10


def spread(values):
    """Interquartile range over median: what half of the runs stay within."""
    if len(values) < 2:
        return math.inf
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle if middle else math.inf


class Figure:
    """The runs of one measurement; `value` is None where it may not be published."""

    def __init__(self, values, limit):
        self.values = list(values)
        self.median = statistics.median(self.values) if self.values else None
        self.spread = spread(self.values) if self.values else math.inf
        self.limit = limit
        self.refusal = self._refusal()

    def _refusal(self):
        if not self.values:
            return "not measured"
        if len(self.values) < MINIMUM_ROUNDS:
            return f"only {len(self.values)} rounds"
        if self.spread > self.limit:
            return f"spread {self.spread:.0%}"
        return None

    @property
    def value(self):
        """The median, where it may be published."""
        return None if self.refusal else self.median


def geometric_mean(values):
    """None for no values: a mean of nothing is not 1."""
    values = list(values)
    if not values:
        return None
    return math.exp(sum(math.log(value) for value in values) / len(values))


def paired_ratios(numerators, denominators):
    """One ratio per round: what slowed a whole round down drops out."""
    return [top / bottom for top, bottom in zip(numerators, denominators) if bottom]


def speed_ratio(baseline, subject, limit):
    """How many times as fast the subject is, as a figure with a spread of its own.

    A round in which the machine was slow slows both; so a ratio may be steady, and published,
    where the times are not, and the other way round.
    """
    if baseline is None or subject is None:
        return Figure([], limit)
    return Figure(paired_ratios(baseline.values, subject.values), limit)
