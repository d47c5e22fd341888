"""What can go wrong with a knowledge base."""


class KnowledgeBaseError(Exception):
    """Root of every error raised by this package; the message says what failed and what to do."""


class EmbedderNotFound(KnowledgeBaseError):
    """An embedder's name leads to no model."""


class NoGeneration(KnowledgeBaseError):
    """Nothing has been published yet."""


class DamagedGeneration(KnowledgeBaseError):
    """A generation's files are missing, cut short or altered."""


class EmbedderMismatch(KnowledgeBaseError):
    """A generation was embedded by another model than the one asked to search it."""


class ScopeError(KnowledgeBaseError):
    """A document's metadata says something about where or when it holds that cannot be understood."""


class KnowledgeBaseBusy(KnowledgeBaseError):
    """Another process is changing the knowledge base."""


class NoSuchGeneration(KnowledgeBaseError):
    """A generation was asked for that is not kept."""
