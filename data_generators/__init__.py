"""Data sets of the experiments: NumPy and tf.data only, never the models."""
