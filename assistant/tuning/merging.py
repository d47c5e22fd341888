"""An adapter added into the weights that it was made for: on a processor that serves at the base's own speed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from assistant.tuning.registry import Version, verify
from assistant.weights import Weights, is_whole, write_checksums

_TOKENIZER = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"),
    *("vocab.json", "merges.txt", "tokenizer.model", "added_tokens.json"),
)


def merged(base: Weights, version: Version, cache: Path, progress: Callable[[str], None]) -> Weights:
    """The base with a version's adapter merged in, in bfloat16, made once and kept in `cache`. Raises VersionError."""
    adapter = version.card.checksums["adapter_model.safetensors"]
    target = cache / f"{version.name}-{version.card.base_sha256[:8]}-{adapter[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(str(target) + ".lock"):
        if not is_whole(target):
            verify(version, base)
            shutil.rmtree(target, ignore_errors=True)
            progress(f"merging {version.name} into the weights")
            work = Path(tempfile.mkdtemp(prefix=".merging-", dir=cache))
            try:
                _merge(base, version, work)
                write_checksums(work)
                os.replace(work, target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return Weights(tuned_name(base, version), str(target), asking=version.card.asking)


def beside(base: Weights, version: Version) -> Weights:
    """The base with a version's adapter to be loaded beside it, as vLLM does on a GPU. Raises VersionError."""
    verify(version, base)
    return Weights(
        tuned_name(base, version), base.path, asking=version.card.asking, adapter=str(version.folder.resolve())
    )


def tuned_name(base: Weights, version: Version) -> str:
    """How a tuned model is called: every version has its own name, so that no cache answers for another."""
    return f"{base.name}@{version.name}"


def _merge(base: Weights, version: Version, target: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    # added in float32: rounded to bfloat16 once, at the end
    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32)
    whole = PeftModel.from_pretrained(model, str(version.folder)).merge_and_unload()
    whole.to(torch.bfloat16).save_pretrained(target, safe_serialization=True)
    for name in _TOKENIZER:
        if (Path(base.path) / name).is_file():
            shutil.copy2(Path(base.path) / name, target / name)
