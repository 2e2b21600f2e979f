"""Encoders of text, and the word table made of them."""
