"""`autoif inspect`: rows shown as they are trained on; anything wrong with them ends with one line."""

from __future__ import annotations

import json

import pytest

from autoif_train.cli.inspect import main
from autoif_train.types import UserError

ROW = {
    "prompt": [{"role": "user", "content": "Name one red animal."}],
    "chosen": [{"role": "assistant", "content": "the fox is red."}],
    "rejected": [{"role": "assistant", "content": "no."}],
}


@pytest.fixture
def pairs(tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(ROW) + "\n")
    return ["--data", str(file), "--output_dir", str(tmp_path / "run")]


def test_what_is_learned_stands_in_brackets(pairs, capsys):
    main(pairs)
    out = capsys.readouterr().out
    assert "<|user|>Name one red animal.<|assistant|>⟦the fox is red.<|end|>⟧" in out
    assert out.endswith("2 sequences, nothing wrong with them\n")


def test_each_token_has_its_label(pairs, capsys):
    main([*pairs, "--tokens"])
    lines = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    (end,) = [line for line in lines if line[-1:] == ["'<|end|>'"]][:1]
    (user,) = [line for line in lines if line[-1:] == ["'<|user|>'"]][:1]
    assert end[2] == end[1]
    assert user[2] == "-100"


def test_a_row_that_is_cut_is_an_error_with_its_mend(pairs, capsys):
    with pytest.raises(UserError, match=r"its end is cut \(2 of 2\)\. raise max_length"):
        main([*pairs, "--dpo.max_length", "8"])


def test_a_row_that_is_none_is_named(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "text", "completion": []}\n')
    with pytest.raises(UserError, match=r"rows\.jsonl, line 1: `prompt` is not a list"):
        main(["--data", str(file)])


def test_a_run_without_rows_is_told_what_to_give(tmp_path):
    with pytest.raises(UserError, match="--data"):
        main(["--output_dir", str(tmp_path)])
