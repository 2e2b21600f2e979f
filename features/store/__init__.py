"""The feature store: what Feast is told, and the one way from features to training and serving."""
