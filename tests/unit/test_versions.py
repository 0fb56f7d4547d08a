"""What a result was made with is recorded as it is, or not at all."""

from __future__ import annotations

import subprocess

import pytest

from autoif_train import versions


def lay_repository(folder):
    """A repository with one commit; its abbreviated name."""
    folder.mkdir()
    git = ["git", "-C", folder, "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    said = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True)
    return said.stdout.strip()


@pytest.mark.parametrize("place", ["venv/lib/python3/site-packages/autoif_train", "third_party/autoif/autoif_train"])
def test_the_commit_of_a_repository_around_us_is_not_ours(tmp_path, monkeypatch, place):
    lay_repository(tmp_path / "theirs")
    package = tmp_path / "theirs" / place
    package.mkdir(parents=True)
    monkeypatch.setattr(versions, "__file__", str(package / "versions.py"))
    assert versions.versions()["commit"] is None


def test_a_checkout_tells_its_commit(tmp_path, monkeypatch):
    commit = lay_repository(tmp_path / "ours")
    (tmp_path / "ours" / "autoif_train").mkdir()
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "ours" / "autoif_train" / "versions.py"))
    assert versions.versions()["commit"] == commit


def test_outside_of_any_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "autoif_train" / "versions.py"))
    assert versions.versions()["commit"] is None
