"""One file per family of features: pure read-outs of a `History`, named in `features.catalogue`."""
