"""Data sets of the experiments as arrays, files and `tf.data` pipelines; independent of the models."""
