"""What can go wrong in the assistant, in words for the person who has to act on it."""


class AssistantError(Exception):
    """Root of every error raised by this package; the message says what failed, on what, and what to do."""


class SettingsError(AssistantError):
    """A value in the configuration file or the environment cannot be used."""


class ModelNotFound(AssistantError):
    """A model name leads to no weights."""


class ModelUnavailable(AssistantError):
    """The model server cannot answer now; the request may be tried again."""
