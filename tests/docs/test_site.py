"""The documentation builds as a site without a warning."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(ROOT / "docs"), str(folder)]
    built = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.parametrize("key", ["dpo", "online_dpo.rounds", "pairs.max_per_query", "sampling.temperature"])
def test_the_reference_lists_settings_with_their_sentences(site, key):
    assert key in (site / "reference/settings.html").read_text(encoding="utf-8")


def test_the_reference_shows_the_executor(site):
    page = (site / "reference/python.html").read_text(encoding="utf-8")
    assert "autoif_train.execution.Executor" in page
