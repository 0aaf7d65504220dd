"""Medians, spreads and refusals, on made-up numbers."""

import math
import unittest

import lab  # noqa: F401
from hakbench.stats import Figure, geometric_mean, speed_ratio, spread


class Spread(unittest.TestCase):
    def test_is_the_middle_half_over_the_median(self):
        self.assertAlmostEqual(spread([8, 9, 10, 11, 12]), 0.2)

    def test_one_run_has_no_bounds(self):
        self.assertEqual(spread([5]), math.inf)

    def test_one_wild_run_of_nine_does_not_count(self):
        self.assertLess(spread([10, 10, 10, 10, 10, 10, 10, 10, 90]), 0.01)


class Refusal(unittest.TestCase):
    def test_a_narrow_figure_is_published(self):
        figure = Figure([10.0, 10.1, 9.9, 10.0, 10.2], 0.1)
        self.assertIsNone(figure.refusal)
        self.assertEqual(figure.value, 10.0)

    def test_a_wide_figure_is_refused_with_its_spread(self):
        figure = Figure([10, 14, 6, 10, 17], 0.1)
        self.assertEqual(figure.refusal, "spread 40%")
        self.assertIsNone(figure.value)

    def test_the_limit_decides(self):
        values = [8, 9, 10, 11, 12]
        self.assertIsNone(Figure(values, 0.21).refusal)
        self.assertEqual(Figure(values, 0.19).refusal, "spread 20%")

    def test_two_rounds_are_too_few_however_alike(self):
        self.assertEqual(Figure([10, 10], 0.1).refusal, "only 2 rounds")

    def test_nothing_is_no_figure(self):
        self.assertEqual(Figure([], 0.1).refusal, "not measured")


class Ratio(unittest.TestCase):
    def test_half_the_time_is_twice_as_fast(self):
        self.assertEqual(speed_ratio(Figure([10] * 3, 0.1), Figure([5] * 3, 0.1), 0.1).value, 2)

    def test_pairs_rounds_so_that_a_slow_round_drops_out(self):
        baseline, subject = Figure([10, 30, 10, 20], 0.1), Figure([5, 15, 5, 10], 0.1)
        self.assertIsNotNone(baseline.refusal)
        self.assertEqual(speed_ratio(baseline, subject, 0.1).value, 2)

    def test_an_unsteady_ratio_is_refused(self):
        ratio = speed_ratio(Figure([10] * 4, 0.1), Figure([5, 10, 5, 10], 0.1), 0.1)
        self.assertIsNone(ratio.value)
        self.assertIn("spread", ratio.refusal)

    def test_needs_both(self):
        self.assertIsNone(speed_ratio(None, Figure([5] * 3, 0.1), 0.1).value)
        self.assertIsNone(speed_ratio(Figure([], 0.1), Figure([5] * 3, 0.1), 0.1).value)


class Mean(unittest.TestCase):
    def test_is_geometric(self):
        self.assertAlmostEqual(geometric_mean([0.5, 2, 1, 8]), 8 ** 0.25)

    def test_of_nothing_is_nothing(self):
        self.assertIsNone(geometric_mean([]))


if __name__ == "__main__":
    unittest.main()
