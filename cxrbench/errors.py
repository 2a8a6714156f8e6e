"""The errors that a person can mend. The command line prints them as one line, without a traceback."""


class CxrbenchError(Exception):
    """Something the user can act on: the message names the file or key and the way out."""


class ConfigError(CxrbenchError):
    """A configuration file, key or value that cannot be used."""


class DataError(CxrbenchError):
    """Source images or a packed data set that cannot be used."""


class RunError(CxrbenchError):
    """A run folder, checkpoint or training run that cannot go on."""
