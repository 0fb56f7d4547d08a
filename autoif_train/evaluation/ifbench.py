"""IFBench (arXiv 2507.02833): 300 prompts with constraints of 58 kinds that IFEval does not have.

The checkers are the published ones: the package `ifbench`, or a checkout of its repository that a setting names. Items,
strict and loose measures and figures are as in IFEval; the paper reports prompts, loosely.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation import ifeval
from autoif_train.evaluation.installed import check_nltk
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.rows import Rows
from autoif_train.types import Row, UserError

SETS = ("ifbench",)
REPOSITORY = "https://github.com/allenai/IFBench"
NLTK_DATA = {
    "punkt_tab": "tokenizers/punkt_tab/english/",
    "stopwords": "corpora/stopwords",
    "averaged_perceptron_tagger_eng": "taggers/averaged_perceptron_tagger_eng",
}


def _check(registry: dict[str, Any], kind: str, given: dict[str, Any], prompt: str) -> Callable[[str], bool]:
    """The check of one constraint; some kinds compare an answer with its prompt."""
    checker = ifeval.checker_of(kind, registry)
    checker.build_description(**given)
    used = checker.get_instruction_args() or {}
    if "prompt" in used:
        given = given | {"prompt": prompt}
        checker.build_description(prompt=prompt)
    ifeval.refuse_drawn(kind, used.keys() - given.keys())
    return checker.check_following


@functools.cache
def _package(checkout: str | None) -> Any:
    """The package `ifbench`, from the checkout where one is named, with everything that its checkers read."""
    if checkout:
        if not (Path(checkout) / "ifbench" / "instructions_registry.py").is_file():
            raise UserError(
                f"evaluation.ifbench_checkout: {checkout} holds no ifbench/instructions_registry.py; name a checkout "
                f"of {REPOSITORY}"
            )
        sys.path.insert(0, str(Path(checkout).resolve()))
    if importlib.util.find_spec("ifbench") is None:
        raise UserError(
            f"ifbench: its checkers are not installed; get them with: {sys.executable} -m pip install ifbench, or name "
            f"a checkout of {REPOSITORY} with --evaluation.ifbench_checkout FOLDER"
        )
    check_nltk("ifbench", NLTK_DATA)
    try:
        package = importlib.import_module("ifbench")
        importlib.import_module("ifbench.instructions_registry")
    except ModuleNotFoundError as error:
        raise UserError(
            f"ifbench: its checkers need the package {error.name}; get it with: {sys.executable} -m pip install "
            f"{error.name}"
        ) from error
    import langdetect

    langdetect.DetectorFactory.seed = 0
    return package


def load_items(prompts: str | Path | None, checkout: str | None) -> list[ifeval.Item]:
    """The prompts of an official file, or those that come with the checkers for None."""
    package = _package(checkout)
    make_check = functools.partial(_check, package.instructions_registry.INSTRUCTION_DICT)
    named = prompts or package.data_path()
    return ifeval.distinct(Rows(named, functools.partial(ifeval.Item.from_row, make_check=make_check)), named)


def answer_set(name: str, chat: ChatModel, settings: EvaluationSettings, seed: int = 0) -> Iterator[ifeval.Graded]:
    """Answers of a model to the prompts, graded."""
    items = load_items(settings.ifbench_prompts, settings.ifbench_checkout)
    yield from ifeval.answer_set(name, chat, settings, seed, items)


def score_files(prompts: Path, responses: Path, output: Path, settings: EvaluationSettings) -> Row:
    """As IFEval's."""
    load = functools.partial(load_items, checkout=settings.ifbench_checkout)
    return ifeval.score_files(prompts, responses, output, settings, load)


def scorer() -> str:
    """The version of the checkers, where they are installed and not a checkout."""
    try:
        return f"ifbench {importlib.metadata.version('ifbench')}"
    except importlib.metadata.PackageNotFoundError:
        return "ifbench, a checkout"
