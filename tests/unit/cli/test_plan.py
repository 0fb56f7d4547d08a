"""`autoif plan`: one page of figures, offline, and refusals by flag."""

from __future__ import annotations

import pytest

from autoif_train.cli.plan import main
from autoif_train.types import UserError


def test_the_page_names_model_machine_and_figures(capsys, tmp_path):
    main(["--model", "qwen2-7b", "--gpus", "8", "--gpu", "h100", "--output_dir", str(tmp_path)])
    out = " ".join(capsys.readouterr().out.split())
    assert "7,615,616,512 parameters · 8 × h100, 80 GiB, 989.4 TFLOP/s" in out
    assert "│ zero3 │ 18.0 │ 24.4 │" in out
    assert "│ sft │ 10,000 │ 237 │ 18.0 │" in out


def test_without_prices_it_says_which_settings_they_are(capsys, tmp_path):
    main(["--model", "qwen2-7b", "--output_dir", str(tmp_path)])
    assert "No prices set" in capsys.readouterr().out


def test_each_role_has_its_own_price(capsys, tmp_path):
    prices = ["--supervisor.price_per_million_output_tokens", "1", "--respondent.price_per_million_output_tokens", "0"]
    main(["--model", "qwen2-7b", "--output_dir", str(tmp_path), *prices])
    lines = [[cell.strip() for cell in line.split("│")] for line in capsys.readouterr().out.splitlines()]
    money = {cells[1]: float(cells[-2]) for cells in lines if len(cells) == 8 and cells[-2]}
    assert money["responses"] == 0 < money["quality"]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--gpus", "0"], "--gpus 0"),
        (["--mfu", "1.5"], r"--mfu 1\.5"),
        (["--model", "qwen2-72b", "--gpus", "48"], "global_batch_size 512 .*use (32|64) processes"),
    ],
)
def test_what_cannot_be_is_refused(flags, named, tmp_path):
    with pytest.raises(UserError, match=named):
        main([*flags, "--output_dir", str(tmp_path)])
