"""Readers: the bytes of one file -> its title, sections and metadata. One module a format."""

from ingest.readers.registry import SUFFIXES, read_document

__all__ = ["SUFFIXES", "read_document"]
