"""Spelling of pages, code and templates; public functions and classes say what they are for."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PLACES = ("README.md", "CONTRIBUTING.md", "docs", "autoif_train", "recipes", "benchmarks", "launch")
NOT_PROSE = "*.jsonl,*.json,*.safetensors,*/tiny/*,*/data/*,*/seeds/*"
KNOWN = "wit"  # WebAssembly Interface Types
MODULES = sorted(file for file in (ROOT / "autoif_train").rglob("*.py") if "data" not in file.parts)


def test_spelling():
    command = [sys.executable, "-m", "codespell_lib", "--skip", NOT_PROSE, "-L", KNOWN, *PLACES]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_whatever_is_public_is_explained(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    public = [node for node in public if not node.name.startswith("_") and node.name != "main"]
    assert ast.get_docstring(tree), "the module says nothing of itself"
    assert [node.name for node in public if not ast.get_docstring(node)] == []
