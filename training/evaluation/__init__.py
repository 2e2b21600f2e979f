"""Evaluation: how good risks are, with intervals; plain values that are rendered elsewhere."""
