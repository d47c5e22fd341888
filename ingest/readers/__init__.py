"""Readers: the bytes of one file -> its title, sections and metadata. One module a format."""

from ingest.readers.registry import SUFFIXES, read_document, read_file
from ingest.reading import Failure, FileReading, Limits

__all__ = ["SUFFIXES", "Failure", "FileReading", "Limits", "read_document", "read_file"]
