"""The error of everything that reads, checks or keeps results."""

from tare.errors import ExitCode, TareError


class ResultsError(TareError):
    """A result can't be read, kept or reckoned with."""

    exit_code = ExitCode.RESULTS
