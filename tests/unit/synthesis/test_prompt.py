"""Every prompt file is filled with exactly its placeholders."""

from __future__ import annotations

import pytest

from autoif_train.synthesis.prompt import FOLDER, fill, placeholders

PLACEHOLDERS = {
    "arbitration": {"instruction", "response"},
    "self_instruct": {"seeds", "count"},
    "function": {"instruction", "allowed_imports"},
    "back_translation": {"function"},
    "entailment": {"premise", "hypothesis"},
    "quality": {"user_query", "instructions", "response"},
    "refine": {"prompt", "response", "critique"},
    "follows": {"prompt", "response"},
}


def filled(name: str) -> str:
    return fill(name, **{placeholder: f"<{placeholder}>" for placeholder in PLACEHOLDERS[name]})


def test_every_prompt_file_is_known_here():
    assert {path.stem for path in FOLDER.glob("*.txt")} == PLACEHOLDERS.keys()


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_a_prompt_has_the_placeholders_that_its_step_fills(name):
    assert placeholders((FOLDER / f"{name}.txt").read_text(encoding="utf-8")) == PLACEHOLDERS[name]


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_every_value_appears_in_the_filled_prompt(name):
    assert all(f"<{placeholder}>" in filled(name) for placeholder in PLACEHOLDERS[name])


def test_doubled_braces_become_single_ones():
    assert '{"func": ' in filled("function")
    assert "{{" not in filled("function")


def test_a_value_with_braces_is_left_as_it_is():
    assert "{x} {}" in fill("back_translation", function="{x} {}")


def test_a_missing_value_raises():
    with pytest.raises(ValueError, match="no value for hypothesis"):
        fill("entailment", premise="p")


def test_an_unknown_value_raises():
    with pytest.raises(ValueError, match="no place for extra"):
        fill("back_translation", function="f", extra="x")


def test_the_score_line_comes_last():
    assert filled("quality").endswith("Score: N")
