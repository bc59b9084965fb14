"""Data sets of the experiments as arrays, files and `tf.data` pipelines; independent of the models."""

from data_generators.commands import stopping

stopping.end_at_once_while_starting()
