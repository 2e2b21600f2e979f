"""Serving: one scored account over HTTP, from a packaged model and the online store. Knows no training run."""
