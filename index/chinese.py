"""Chinese text -> words. The only module that knows jieba."""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jieba import Tokenizer

HAN = r"[\u3400-\u4dbf\u4e00-\u9fff]"


def is_han(character: str) -> bool:
    """Whether a character is a Chinese one."""
    return "\u3400" <= character <= "\u4dbf" or "\u4e00" <= character <= "\u9fff"


def cut(run: str) -> list[str]:
    """The words of a run of Chinese characters, and every pair of neighbouring characters that is not one of them.

    The pairs find what the dictionary cuts differently in a question and in a passage.
    """
    if len(run) == 1:
        return [run]
    words = [w for w in _tokenizer().cut_for_search(run, HMM=False) if len(w) != 2]
    return words + [run[i : i + 2] for i in range(len(run) - 1)]


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it still asks for pkg_resources, and does without
        import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    # what its own initialize() does, without the cache file that it leaves in the folder for temporary files
    with tokenizer.get_dict_file() as dictionary:
        tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(dictionary)
    tokenizer.initialized = True
    return tokenizer
