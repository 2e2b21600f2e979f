"""Detection: what models find, beside rivals."""
