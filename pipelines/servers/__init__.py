"""Servers on this machine: the scoring endpoint and the tracking pages."""
