"""Measurements of the scoring endpoint: how fast it answers, beside whom, and what an overload does to it."""
