"""The model that an endpoint serves: which it is, the next one, and another beside it."""
