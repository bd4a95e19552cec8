"""The errors that a person may meet: one class a kind."""


class StudygridError(Exception):
    """An error with a message for the user: what is wrong, where, and what to do."""


class ConfigError(StudygridError):
    """The study's config cannot be run; the message lists every problem found."""


class DataError(StudygridError):
    """The data of a study cannot be used."""


class RecordError(StudygridError):
    """A record is missing, incomplete, corrupt or of a foreign version."""


class SelectionError(StudygridError):
    """A selection names no axis of the study, or a value that no run has."""


class NoRunsError(StudygridError):
    """There is no run to show; the message says where was looked and what was missing."""
