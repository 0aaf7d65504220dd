"""Shared parts of the benchmark lab: peers, statistics, running, reports."""
