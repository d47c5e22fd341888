"""A reader that takes its time to be imported."""

import time

from tests.ingest.hostile_readers import by_name

__all__ = ["by_name"]

time.sleep(1)
