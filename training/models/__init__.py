"""Models: trees, the linear part, calibration, and the signed folder that a model is stored in."""
