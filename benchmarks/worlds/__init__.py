"""Worlds to measure on."""
