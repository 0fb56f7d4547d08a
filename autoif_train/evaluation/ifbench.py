"""IFBench (arXiv 2507.02833): 300 prompts with constraints of 58 kinds that IFEval does not have.

The checkers are the published ones: the package `ifbench`, or a checkout of its repository that a setting names. Items,
strict and loose measures and figures are as in IFEval; the paper reports prompts, loosely.
"""

from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Item:
    """One prompt with its constraints; `registry` holds the checker classes by kind."""

    key: int | str
    prompt: str
    kinds: tuple[str, ...]
    kwargs: tuple[dict[str, Any], ...]
    registry: dict[str, Any] = dataclasses.field(repr=False, compare=False)

    @classmethod
    def from_row(cls, row: Row, registry: dict[str, Any]) -> Item:
        """Reads an official row; `ValueError` where a checker is unknown or would draw an argument at random."""
        given = tuple({name: value for name, value in each.items() if value is not None} for each in row["kwargs"])
        item = cls(row["key"], row["prompt"], tuple(row["instruction_id_list"]), given, registry)
        if not item.kinds or len(item.kinds) != len(item.kwargs):
            raise ValueError("`instruction_id_list` and `kwargs` must be of one length, at least 1")
        item.checks()
        return item

    def checks(self) -> list[Callable[[str], bool]]:
        """One check per constraint, in order."""
        return [self._check(kind, given) for kind, given in zip(self.kinds, self.kwargs, strict=True)]

    def _check(self, kind: str, given: dict[str, Any]) -> Callable[[str], bool]:
        if kind not in self.registry:
            raise ValueError(f"the kind of instruction {kind!r} is unknown to the scorer")
        checker = self.registry[kind](kind)
        checker.build_description(**given)
        used = checker.get_instruction_args() or {}
        if "prompt" in used:
            given = given | {"prompt": self.prompt}
            checker.build_description(prompt=self.prompt)
        if drawn := used.keys() - given.keys():
            raise ValueError(f"{kind} needs a value of {', '.join(sorted(drawn))}; it would draw one at random")
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
    _check_nltk()
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


def _check_nltk() -> None:
    import nltk

    def missing(path: str) -> bool:
        try:
            nltk.data.find(path)
        except LookupError:
            return True
        return False

    if names := [name for name, path in NLTK_DATA.items() if missing(path)]:
        raise UserError(
            f"ifbench: NLTK's {' and '.join(names)} are missing; get them with: {sys.executable} -m nltk.downloader "
            f"{' '.join(names)}"
        )


def load_items(prompts: str | Path | None, checkout: str | None) -> list[Item]:
    """The prompts of an official file, or those that come with the checkers for None."""
    package = _package(checkout)
    read = functools.partial(Item.from_row, registry=package.instructions_registry.INSTRUCTION_DICT)
    return list(Rows(prompts or package.data_path(), read))


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
