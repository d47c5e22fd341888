"""What the page shows, and that nothing of a document or a question becomes markup."""

from __future__ import annotations

import pytest

from assistant.answers import Answer, Citation, Finished, Found, Sentence, Stated, Timings
from index.passages import Hit, Passage
from index.retrieval import Line
from ui.web.conversation import Phase, Turn, conversation_html, panel_html
from ui.web.passage_html import passage_html

ATTACKS = [
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "[click](javascript:window.hacked=1)",
    '"><svg onload=window.hacked=1>',
    "| <script>window.hacked=1</script> | b |\n|---|---|\n| <img src=x onerror=window.hacked=1> | c |",
    "- <a href='javascript:window.hacked=1'>x</a>",
]


def turn_about(text: str) -> Turn:
    passage = Passage(text, text, (text,), 3, 0, text)
    turn = Turn(1, text).after(Found(text, (Hit(passage, 0.5, 0.5),), text))
    return turn.after(Stated(Sentence(text, (1,)), (Citation(1, passage, text, 0.5),)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_from_outside_becomes_markup(attack: str) -> None:
    turn = turn_about(attack)
    for html in (conversation_html([turn]), panel_html([turn]), passage_html(attack, [attack])):
        assert "<script" not in html
        assert "<img" not in html
        assert "<svg" not in html
        assert "href='javascript" not in html
        assert 'href="javascript' not in html
    failed = conversation_html([Turn(1, "q", Phase.FAILED, attack)])
    assert "<script" not in failed
    assert "<img" not in failed


def test_a_mark_leads_to_its_passage() -> None:
    turn = turn_about("The price is €8.")
    (passage,) = [h.passage for h in turn.hits]
    anchor = f"p-1-{passage.id}"
    assert f'href="#{anchor}"' in conversation_html([turn])
    assert f'id="{anchor}"' in panel_html([turn])


def test_quoted_words_are_marked_and_others_are_not() -> None:
    html = passage_html(
        "One fact. Another fact.\n\n| A | B |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", ["Another fact.", "A: 3; B: 4"]
    )
    assert "<mark>Another fact.</mark>" in html
    assert "<mark>One" not in html
    assert "<td><mark>3</mark></td><td><mark>4</mark></td>" in html
    assert "<td>1</td><td>2</td>" in html
    assert html.count("<table>") == 1


def test_the_newest_questions_passages_are_open() -> None:
    first = turn_about("old")
    second = Turn(2, "new").after(Found("new", (Hit(Passage("d", "t", (), None, 0, "x"), 0.1, 0.1),), "g"))
    html = panel_html([first, second])
    assert html.index('id="p-2-') < html.index('id="p-1-')
    assert html.count('<details class="sb-found" open>') == 1


def test_an_abstention_shows_the_nearest_words_as_such() -> None:
    passage = Passage("d.md", "Fees", ("Late",), None, 0, "A <b>reminder</b> costs €5.")
    times = Timings(rewrite=0, embed=0, search=0, first_token=0, generate=0, added=0, total=0.1)
    answer = Answer(
        question="bicycles?",
        standalone="bicycles?",
        sentences=(),
        citations=(),
        abstained=True,
        quoted=False,
        sufficiency=0.1,
        draft="",
        closest=(),
        nearest=(Line(passage, passage.text, 0.2),),
        given=(passage,),
        timings=times,
        model="m",
        generation="g",
    )
    turn = Turn(1, "bicycles?").after(Found("bicycles?", (Hit(passage, 1, 0.2),), "g")).after(Finished(answer))
    html = conversation_html([turn])
    assert "don&#x27;t say" in html
    assert "A &lt;b&gt;reminder&lt;/b&gt; costs €5." in html
    assert f'href="#p-1-{passage.id}"' in html
    assert "<mark>A &lt;b&gt;reminder&lt;/b&gt; costs €5.</mark>" in panel_html([turn])
