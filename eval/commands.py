"""The commands under `switchboard eval`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from eval.errors import EvaluationError
from eval.refresh_trials import freshness, kills, mutations, refresh
from eval.retrieval_command import retrieval
from eval.terminal import AsJson, SplitName, err, out, split_name
from eval.triage_trials import hostile, triage
from eval.trials import rag_vs_tuning, speed

app = typer.Typer(help="Measure: retrieval, answers, abstention; with 95% intervals.", no_args_is_help=True)

Corpus = Annotated[Path, typer.Option(help="Folder with questions.jsonl; its documents must be in the knowledge base.")]
_EXAMPLES = Path("examples")


app.command(epilog="Example: switchboard eval retrieval --corpus examples --split test")(retrieval)


@app.command(epilog="Example: switchboard eval answers --split test --limit 50 -o answers.jsonl")
def answers(
    corpus: Corpus = _EXAMPLES,
    split: SplitName = "test",
    limit: Annotated[
        int, typer.Option(help="Ask only so many of each kind, spread evenly over the documents; 0: all.", min=0)
    ] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write every answer here, a JSON line each.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the questions: declined when unanswerable, answered when answerable, citations that hold, seconds."""
    from assistant import settings
    from assistant.assembly import open_answerer, open_retriever, running_model
    from assistant.questions import load_questions, spread
    from eval.answers import ask_all, score_answers

    questions = load_questions(corpus, split_name(split))
    if limit:
        kinds = ([q for q in questions if q.answerable], [q for q in questions if not q.answerable])
        questions = [q for kind in kinds for q in spread(kind, limit)]
    values = settings.load()
    retriever = open_retriever(values)
    generation = retriever.generation()
    with running_model(values, lambda _: None) as model, Progress(console=err) as bars:
        task = bars.add_task("asking", total=len(questions))
        said = asyncio.run(ask_all(open_answerer(values, retriever, model), questions, lambda: bars.advance(task)))
    scores = score_answers(questions, said, generation)
    if output is not None:
        records = (
            {"id": q.id, "question": q.question, "answerable": q.answerable, "reference": q.reference}
            | {
                "answer": a.text,
                "draft": a.draft,
                "abstained": a.abstained,
                "quoted": a.quoted,
                "sufficiency": a.sufficiency,
            }
            for q, a in zip(questions, said, strict=True)
        )
        output.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    if as_json:
        print(json.dumps(asdict(scores)))
        return
    out.print(f"unanswerable declined:   {scores.declined}", highlight=False, markup=False)
    out.print(f"answerable answered:     {scores.answered}", highlight=False, markup=False)
    out.print(f"token F1 on answerable:  {scores.token_f1}", highlight=False, markup=False)
    out.print(f"in the passage's words:  {scores.quoted}", highlight=False, markup=False)
    out.print(f"citations: {scores.citations}, of them broken: {scores.broken_citations}", highlight=False)
    out.print(
        f"median seconds: {scores.total_seconds:.2f} in all, {1000 * scores.added_seconds:.1f} ms of it added to embedding and model",
        highlight=False,
    )


app.command("rag-vs-tuning", epilog="Example: switchboard eval rag-vs-tuning -o report.html")(rag_vs_tuning)
app.command(epilog="Example: switchboard eval speed --repeats 3")(speed)
app.command(epilog="Example: switchboard eval triage --tickets tickets.csv --limit 500")(triage)
app.command(epilog="Example: switchboard eval hostile --count 1000")(hostile)
app.command(epilog="Example: switchboard eval kills --count 200")(kills)
app.command(epilog="Example: switchboard eval refresh --documents 10000")(refresh)
app.command(epilog="Example: switchboard eval mutations --count 1000")(mutations)
app.command(epilog="Example: switchboard eval freshness --documents 1000")(freshness)


@app.command(epilog="Example: switchboard eval sufficiency --fit")
def sufficiency(
    corpus: Corpus = _EXAMPLES,
    fit: Annotated[bool, typer.Option("--fit", help="Fit again on train, and keep the result.")] = False,
    split: SplitName = "test",
    as_json: AsJson = False,
) -> None:
    """How well it is judged whether the passages hold an answer."""
    from assistant import settings
    from assistant.assembly import open_retriever
    from assistant.questions import load_questions
    from assistant.sufficiency import load
    from eval.sufficiency import fit as fit_model
    from eval.sufficiency import save, score

    values = settings.load()
    retriever = open_retriever(values)
    if fit:
        # dev is left for the judgement that weighs this one against a tuned model's own
        seen = load_questions(corpus, "train")
        note = f"{len(seen)} train questions of {corpus.name}; embedder {values.models.embedder}"
        save(fit_model(retriever, seen, values.answer, note))
    model = load()
    scores = score(model, retriever, load_questions(corpus, split_name(split)), values.answer)
    if as_json:
        print(json.dumps(asdict(scores) | {"threshold": model.threshold}))
        return
    out.print(f"area under ROC: {scores.auc:.3f}, threshold {model.threshold}", highlight=False)
    out.print(f"unanswerable declined: {scores.declined}", highlight=False, markup=False)
    out.print(f"answerable let through: {scores.answered}", highlight=False, markup=False)
    for name, weight in zip(model.features, model.weights, strict=True):
        out.print(f"  {name:16} {weight:+.2f}", highlight=False)


@app.command(epilog="Example: switchboard eval pointing --fit")
def pointing(
    corpus: Corpus = _EXAMPLES,
    fit: Annotated[bool, typer.Option("--fit", help="Fit again on these questions, and keep the result.")] = False,
    split: SplitName = "dev",
    as_json: AsJson = False,
) -> None:
    """How well a tuned model picks the lines that answer, were every question answered; fitted on dev."""
    from assistant import settings
    from assistant.assembly import open_retriever, running_model
    from assistant.pointing import load
    from assistant.questions import load_questions
    from eval.pointing import ask_for_lines, save, score
    from eval.pointing import fit as fit_weighing

    if fit and split == "test":
        raise EvaluationError("nothing is fitted on test; leave --split away")
    values = settings.load()
    questions = [q for q in load_questions(corpus, split_name(split)) if q.answerable]
    if not questions:
        raise EvaluationError(f"{corpus} holds no answerable questions of the split {split!r}")
    with running_model(values, lambda _: None) as model, Progress(console=err) as bars:
        task = bars.add_task("asking", total=len(questions))
        note = f"{len(questions)} {split} questions of {corpus.name}, asked of {model.name}"
        choices = asyncio.run(
            ask_for_lines(open_retriever(values), model, questions, values.answer, lambda: bars.advance(task))
        )
    if fit:
        save(fit_weighing(choices, note))
    weighing = load()
    f1 = score(choices, weighing)
    if as_json:
        print(json.dumps(weighing.model_dump() | {"token_f1": asdict(f1)}))
        return
    out.print(f"token F1, all answered: {f1}", highlight=False, markup=False)
    out.print(f"a cosine of 1 is worth {weighing.cosine} nats; said too: lines {weighing.near} nats below the best")
