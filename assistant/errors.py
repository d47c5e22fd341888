"""What can go wrong in the assistant, in words for the person who has to act on it."""


class AssistantError(Exception):
    """Root of every error raised by this package; the message says what failed, on what, and what to do."""


class SettingsError(AssistantError):
    """A value in the configuration file or the environment cannot be used."""


class ModelNotFound(AssistantError):
    """A model name leads to no weights."""


class ModelUnavailable(AssistantError):
    """The model server cannot answer now; the request may be tried again."""


class DatasetError(AssistantError):
    """A file of questions or tickets cannot be used; the message names the line."""


class TrainingError(AssistantError):
    """A model cannot be tuned with what there is."""


class VersionError(AssistantError):
    """A version of the model is missing, damaged, or made for other weights."""


class AudienceRefused(AssistantError):
    """Somebody who is served as a customer asked for what is for agents only."""
