"""A campaign in figures: pure functions over the lake's tables, which give plain values to write a report from."""
