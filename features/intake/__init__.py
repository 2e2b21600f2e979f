"""Input files become rows that keep the contract: finding files, reading them, reading values, checking, reporting.

Nothing here writes, and nothing vanishes: what is changed, rejected or skipped is counted.
"""
