"""Examples: accounts at several times under the labels of that time, and how they are split."""
