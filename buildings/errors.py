"""The one error tree. A user's mistake is a `UserError`: the CLI prints its one line, no traceback."""


class AirhandlerError(Exception):
    """Base of every error that this software raises on purpose."""


class UserError(AirhandlerError):
    """Something the user can mend: the message says what was wrong, where, and what to do."""


class SimulationError(AirhandlerError):
    """EnergyPlus ended a run, or was asked for something that it does not have."""


class SiteError(AirhandlerError):
    """A site could not be read or written."""


class AbsentError(AirhandlerError, KeyError):
    """A reading has no value where one is needed."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError puts quotes around it


def in_words(error: BaseException) -> str:
    """What is told of an error: those of ours say all themselves; of any other its kind must be told, too."""
    return str(error) if isinstance(error, AirhandlerError) else f"{type(error).__name__}: {error}"
