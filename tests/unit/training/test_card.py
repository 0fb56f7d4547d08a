"""The card beside a trained model: data, settings, and scores that are written anew."""

from __future__ import annotations

import hashlib

import pytest
import yaml

from autoif_train.training.card import write_card, write_scores

SEEN = {"rows": 7, "truncated": 2, "dropped": 1}
SCORE = {"benchmark": "ifeval", "set": "all", "n": 541, "metrics": {"prompt_strict": 0.25}}


@pytest.fixture
def card(tmp_path):
    data = tmp_path / "pairs.jsonl"
    data.write_text("{}\n")
    write_card(tmp_path, "dpo", "/somewhere/private/qwen", data, SEEN, {"beta": 0.3}, 5)
    return tmp_path / "README.md"


def test_it_says_what_the_rows_were_and_what_became_of_them(card):
    text = card.read_text()
    assert "`pairs.jsonl`: 7 rows, of which 2 were cut at `max_length` and 1 dropped" in text
    assert hashlib.sha256(b"{}\n").hexdigest() in text


def test_it_holds_settings_and_seed(card):
    block = card.read_text().split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(block) == {"beta": 0.3, "seed": 5}


def test_hubs_can_read_its_front_matter(card):
    assert yaml.safe_load(card.read_text().split("---")[1])["tags"] == ["autoif", "trl", "dpo"]


def test_it_tells_no_path_of_the_machine(card):
    assert "private" not in card.read_text()


def test_scores_replace_earlier_ones_and_leave_the_rest(card):
    write_scores(card.parent, [SCORE])
    write_scores(card.parent, [{**SCORE, "metrics": {"prompt_strict": 0.5}}])
    text = card.read_text()
    assert text.count("## Scores") == 1
    assert "| ifeval | all | 541 | prompt_strict | 0.5000 |" in text
    assert "0.2500" not in text
    assert "beta: 0.3" in text
