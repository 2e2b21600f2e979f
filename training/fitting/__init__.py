"""Fitting: what candidates learn from, and the training that fits and judges them all."""
