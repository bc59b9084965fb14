"""Exceptions of the package. Their messages are one line that says what is wrong and how to fix it."""


class NotConditionedError(RuntimeError):
    """A prediction was requested before the posterior was conditioned on data."""


class ModelFileError(ValueError):
    """A file cannot be read as a saved model."""


class DataError(ValueError):
    """Input data have a wrong shape or type, or hold values that are not finite."""


class WorkerLostError(RuntimeError):
    """Another worker of a distributed training run has died or does not respond."""
