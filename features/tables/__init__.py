"""The files of the lake's tables: how they are written, checked, and rewritten."""
