"""Named errors, each raised with one line that says what is wrong and what to do."""


class NotConditionedError(RuntimeError):
    """A prediction was asked for before any data were given to the posterior."""


class ModelFileError(ValueError):
    """A file that should hold a model cannot be read as one."""


class DataError(ValueError):
    """Data from outside have a wrong shape or type, or hold values that are not finite."""


class WorkerLostError(RuntimeError):
    """Another of the processes that train together has died or does not answer."""
