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
