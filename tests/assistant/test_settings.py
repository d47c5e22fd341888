"""Defaults, file, variables, in that order; and errors that name what is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from assistant.errors import SettingsError
from assistant.settings import describe, load, template


def write(home: Path, text: str) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(text, encoding="utf-8")
    return {"SWITCHBOARD_HOME": str(home)}


def test_variables_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    env = write(tmp_path, "[answer]\npassages = 7\nmax_tokens = 50\n") | {"SWITCHBOARD_ANSWER_PASSAGES": "9"}
    settings = load(env)
    assert (settings.answer.passages, settings.answer.max_tokens, settings.answer.history_turns) == (9, 50, 4)
    origins = {name: origin for name, _, origin in describe(settings)}
    assert origins["answer.passages"] == "SWITCHBOARD_ANSWER_PASSAGES"
    assert origins["answer.max_tokens"] == "config.toml"
    assert origins["answer.history_turns"] == "default"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[answer]\npassages = 0\n", "answer.passages from config.toml: expected a whole number from 1 to 50, not 0"),
        ("[answer]\npassages = 'many'\n", "expected a whole number"),
        ("[answer]\npasages = 3\n", "answer.pasages is not a setting"),
        ("[anser]\npassages = 3\n", "[anser] is not a section"),
        ("[vllm]\neager = 'perhaps'\n", "expected true or false"),
        ("[answer\n", "config.toml cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, text))
    assert words in str(caught.value)


def test_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SWITCHBOARD_ANSWER_PASAGES"):
        load({"SWITCHBOARD_HOME": str(tmp_path), "SWITCHBOARD_ANSWER_PASAGES": "3"})


def test_the_template_is_a_file_that_changes_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, template())).answer == load({"SWITCHBOARD_HOME": str(tmp_path / "none")}).answer


def test_the_template_uncommented_holds_every_default(tmp_path: Path) -> None:
    lines = [
        line.removeprefix("# ") if " = " in line and "Variable:" not in line else line
        for line in template().splitlines()
    ]
    text = "\n".join(lines)
    assert tomllib.loads(text)["web"]["port"] == 7860
    default = load({"SWITCHBOARD_HOME": str(tmp_path / "none")})
    given = load(write(tmp_path, text))
    assert [row[:2] for row in describe(given)][1:] == [row[:2] for row in describe(default)][1:]


def test_secrets_are_hidden(tmp_path: Path) -> None:
    settings = load({"SWITCHBOARD_HOME": str(tmp_path), "SWITCHBOARD_MODELS_CHAT_API_KEY": "hunter2"})
    assert "hunter2" not in str(describe(settings))
