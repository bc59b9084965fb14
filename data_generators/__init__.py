"""Data sets of the experiments: arrays, files and tf.data, never the models."""
