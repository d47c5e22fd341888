"""What can go wrong while measuring."""

from assistant.errors import AssistantError


class EvaluationError(AssistantError):
    """A measurement that cannot be made; the message says why and what to do."""
