"""A world that other people made: everything by commands, judged by the world's own judge."""
