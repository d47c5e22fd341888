"""`switchboard eval retrieval`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from eval.errors import EvaluationError
from eval.terminal import AsJson, SplitName, err, out, split_name

if TYPE_CHECKING:
    from assistant.statistics import Estimate
    from eval.corpora import Corpus
    from eval.ways import CorpusScores
    from index.blending import Blend
    from index.embedding import Embedder
    from index.vectors import VectorIndex
    from index.words import WordIndex


def retrieval(
    corpus: Annotated[
        Path,
        typer.Option(
            help="Folder with questions.jsonl, whose documents must be in the knowledge base; one with corpus.jsonl, "
            "queries_SPLIT.jsonl and qrels_SPLIT.tsv, or a file in SQuAD's JSON, which need no knowledge base."
        ),
    ] = Path("examples"),
    split: SplitName = "test",
    fit: Annotated[
        bool,
        typer.Option(
            "--fit", help="Choose the blend of vectors and words on dev (a corpus: on train), and measure that."
        ),
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="With --fit: every refresh from now on stores this blend with the index.")
    ] = False,
    embedder: Annotated[
        str, typer.Option(help="Another embedder, for a corpus of its own.", show_default="models.embedder")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """How well the passages that answer are found: hits, recall@k, MRR@10, nDCG@10, seconds.

    Over a corpus of its own, vectors alone, BM25 alone and the blend of both that Switchboard uses are compared.
    """
    from eval.corpora import is_judged_corpus

    if keep and not fit:
        raise EvaluationError("--keep keeps what --fit has chosen; give both")
    if fit and split != "test":
        raise EvaluationError("--fit chooses on train and dev and measures on test; leave --split away")
    split_name(split)
    if is_judged_corpus(corpus):
        _in_corpus(corpus, split, fit, keep, embedder, as_json)
    elif embedder:
        raise EvaluationError("a knowledge base has its embedder: set models.embedder and run: switchboard kb refresh")
    else:
        _in_knowledge_base(corpus, split, fit, keep, as_json)


def _in_knowledge_base(folder: Path, split: str, fit: bool, keep: bool, as_json: bool) -> None:
    from assistant import settings
    from assistant.assembly import open_retriever
    from assistant.questions import load_questions
    from eval.corpora import question_corpus
    from eval.retrieval import score_retrieval
    from index.embedding import SentenceTransformerEmbedder
    from index.library import KnowledgeBase
    from index.retrieval import Retriever

    values = settings.load()
    retriever = open_retriever(values)
    if fit:
        generation = retriever.generation()
        # not on train: an embedder that was tuned on these questions finds them too well
        seen = [q for q in load_questions(folder, "dev") if q.answerable]
        corpus = question_corpus(generation.passages, seen)
        embedder = SentenceTransformerEmbedder.from_name(values.models.embedder)
        note = f"{len(seen)} dev questions of {folder.name}; {embedder.name}"
        blend = _fitted(corpus, generation.index, generation.words, embedder, note, keep)
        retriever = Retriever(KnowledgeBase(values.knowledge_base), embedder, blend=blend)
    questions = load_questions(folder, split_name(split))
    with Progress(console=err) as bars:
        task = bars.add_task("searching", total=sum(q.answerable for q in questions))
        scores = score_retrieval(retriever, questions, lambda: bars.advance(task))
    if as_json:
        print(json.dumps(asdict(scores) | {"missed": [q.id for q in scores.missed]}))
        return
    for k, share in scores.hit_at.items():
        out.print(f"gold passage in first {k:2}: {share}", highlight=False, markup=False)
    out.print(f"MRR@10: {scores.mrr}", highlight=False, markup=False)
    out.print(f"nDCG@10: {scores.ndcg}", highlight=False, markup=False)
    for k, share in scores.recall_at.items():
        out.print(f"recall@{k}: {share}", highlight=False, markup=False)
    for style, share in scores.by_style.items():
        out.print(f"  first 5, {style}: {share}", highlight=False, markup=False)
    out.print(f"{1000 * scores.seconds:.1f} ms a search", highlight=False)


def _in_corpus(place: Path, split: str, fit: bool, keep: bool, embedder_name: str, as_json: bool) -> None:
    from assistant import settings
    from eval.corpora import embed_corpus, load_corpus
    from eval.ways import score_corpus, search_corpus
    from index.blending import load_blend
    from index.embedding import SentenceTransformerEmbedder
    from index.words import WordIndex

    values = settings.load()
    corpus = load_corpus(place, split)
    embedder = SentenceTransformerEmbedder.from_name(embedder_name or values.models.embedder)
    texts = corpus.texts()
    with Progress(console=err) as bars:
        task = bars.add_task("embedding", total=len(texts))
        index = embed_corpus(texts, embedder, values.home / "eval-cache", lambda n: bars.advance(task, n))
    words = WordIndex.build(texts)
    blend = load_blend()
    if fit:
        seen = load_corpus(place, "train" if (place / "qrels_train.tsv").exists() else "dev")
        blend = _fitted(seen, index, words, embedder, f"{len(seen.queries)} queries of {place.name}", keep)
    with Progress(console=err) as bars:
        task = bars.add_task("searching", total=len(corpus.queries))
        searched = search_corpus(corpus, index, words, embedder, lambda: bars.advance(task))
    scores = score_corpus(corpus, searched, blend)
    if as_json:
        named = {"corpus": place.name, "split": split, "embedder": embedder.name}
        print(json.dumps(named | asdict(scores) | {"blend": blend.model_dump(mode="json")}))
        return
    _print_ways(f"{place.name}, {split}: ", embedder.name, scores)


def _fitted(corpus: Corpus, index: VectorIndex, words: WordIndex, embedder: Embedder, note: str, keep: bool) -> Blend:
    from eval.ways import fit_blend, search_corpus
    from index.blending import load_blend, save_blend

    with Progress(console=err) as bars:
        task = bars.add_task("fitting", total=len(corpus.queries))
        searched = search_corpus(corpus, index, words, embedder, lambda: bars.advance(task))
    blend = fit_blend(corpus, searched, load_blend(), note)
    err.print(
        f"chosen: {blend.scale}, cosine {blend.dense}, in Chinese {blend.dense_chinese}", highlight=False, markup=False
    )
    if keep:
        save_blend(blend)
    return blend


def _print_ways(named: str, embedder: str, scores: CorpusScores) -> None:
    out.print(
        f"{named}{scores.queries} queries, {scores.documents} documents; {embedder}", highlight=False, markup=False
    )
    table = Table("", *scores.ways, box=None)
    rankings = list(scores.ways.values())
    for k in rankings[0].recall_at:
        table.add_row(f"recall@{k}", *(_interval(r.recall_at[k]) for r in rankings))
    table.add_row("MRR@10", *(_interval(r.mrr) for r in rankings))
    table.add_row("nDCG@10", *(_interval(r.ndcg) for r in rankings))
    out.print(table)
    for stage, seconds in scores.latency.items():
        out.print(f"{stage}: p50 {1000 * seconds.p50:.2f} ms, p95 {1000 * seconds.p95:.2f} ms", highlight=False)


def _interval(value: Estimate) -> str:
    return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"
