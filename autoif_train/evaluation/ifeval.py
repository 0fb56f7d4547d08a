"""IFEval (arXiv 2311.07911): 541 prompts with 834 instructions of 25 kinds that code can check.

The checkers are those that lm-eval ships, which are the published ones. The published scorer is random in two places;
here it is not: language detection is seeded, and a "letter" that is a symbol is counted as that symbol instead of a
letter drawn anew in every run. docs/evaluation.md says what that changes.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from autoif_train.chat.base import ChatModel, Prompt
from autoif_train.evaluation.answers import SHOWN_CHARACTERS, decoding
from autoif_train.evaluation.installed import check_nltk, check_packages
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.rows import Rows, write_rows
from autoif_train.synthesis.reading import without_thinking
from autoif_train.types import Row, UserError, derived_seed

SETS = ("ifeval",)
HUB_ID = "google/IFEval"
PACKAGES = ("lm_eval", "langdetect", "nltk", "immutabledict")
NLTK_DATA = {"punkt_tab": "tokenizers/punkt_tab/english/"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


MakeCheck = Callable[[str, dict[str, Any], str], Callable[[str], bool]]


@dataclasses.dataclass(frozen=True)
class Item:
    """One prompt with its instructions. A prompt may hold one kind twice, so everything goes by position."""

    key: int | str
    prompt: str
    kinds: tuple[str, ...]
    kwargs: tuple[dict[str, Any], ...]
    make_check: MakeCheck = dataclasses.field(repr=False, compare=False)

    @classmethod
    def from_row(cls, row: Row, make_check: MakeCheck | None = None) -> Item:
        """Reads an official row; `ValueError` where the scorer could not check it, or would check something random.

        `make_check(kind, arguments, prompt)` gives the check of one instruction; IFEval's own unless another is named.
        """
        kinds, kwargs = row["instruction_id_list"], row["kwargs"]
        if not isinstance(row["key"], int | str) or not isinstance(row["prompt"], str):
            raise ValueError("`key` must be a number or a string and `prompt` a string")
        if not kinds or len(kinds) != len(kwargs):
            raise ValueError("`instruction_id_list` and `kwargs` must be of one length, at least 1")
        if not all(isinstance(each, dict) for each in kwargs):
            raise ValueError("`kwargs` must hold one object of arguments per instruction")
        # The hub's table has a column for every argument and null where an instruction does not take it.
        given = tuple({name: value for name, value in each.items() if value is not None} for each in kwargs)
        item = cls(row["key"], row["prompt"], tuple(kinds), given, make_check or _check)
        item.checks()
        return item

    def checks(self) -> list[Callable[[str], bool]]:
        """One check per instruction, in order."""
        return [self.make_check(kind, given, self.prompt) for kind, given in zip(self.kinds, self.kwargs, strict=True)]


@dataclasses.dataclass(frozen=True)
class Graded:
    """One answer and what each of its prompt's instructions made of it; `kinds` names them in the same order."""

    unit: ClassVar[str] = "answer"
    key: int | str
    prompt: str
    response: str
    finished: bool
    strict: tuple[bool, ...]
    loose: tuple[bool, ...]
    kinds: tuple[str, ...] = ()

    def __post_init__(self):
        if any(strict and not loose for strict, loose in zip(self.strict, self.loose, strict=True)):
            raise ValueError(f"key {self.key}: an instruction is followed strictly and yet not loosely")

    @property
    def passed(self) -> bool:
        """Every instruction of the prompt is followed, strictly."""
        return all(self.strict)

    @classmethod
    def from_row(cls, row: Row) -> Graded:
        return cls(
            row["key"],
            row["prompt"],
            row["response"],
            row["finished"],
            tuple(row["strict"]),
            tuple(row["loose"]),
            tuple(row.get("kinds", ())),
        )


def load_items(prompts: str | Path | None) -> list[Item]:
    """The prompts of an official JSON Lines file, or of the hub for None; every instruction is known to be checkable.

    Raises `UserError`, naming the line or key, for a row that cannot be scored.
    """
    _registry()
    return distinct(Rows(prompts, Item.from_row) if prompts else _from_hub(), prompts or HUB_ID)


def distinct(items: Iterable[Item], name: str | Path) -> list[Item]:
    """The items of what is called `name`; refused where there is none, or two share their key or their prompt."""
    items = list(items)
    if not items:
        raise UserError(f"{name}: holds no prompt; name a file with one JSON object a line, as the official one")
    for what in ("key", "prompt"):
        seen = set()
        for item in items:
            value = getattr(item, what)
            if value in seen:
                raise UserError(f"{name}: two rows with the same {what} (key {item.key}); keep one")
            seen.add(value)
    return items


def _from_hub() -> Iterator[Item]:
    from datasets import load_dataset

    try:
        rows = load_dataset(HUB_ID, split="train")
    except OSError as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"{HUB_ID}: cannot be loaded from the hub ({said}); name a local copy of its input_data.jsonl with "
            "--evaluation.ifeval_prompts FILE"
        ) from error
    for row in rows:
        try:
            yield Item.from_row(row)
        except (KeyError, TypeError, ValueError) as error:
            mend = "name a file without it with --evaluation.ifeval_prompts FILE"
            raise UserError(f"{HUB_ID}, key {row.get('key')}: {error}; {mend}") from error


@functools.cache
def _registry() -> dict[str, Any]:
    """lm-eval's checker classes by kind, with language detection seeded for this process."""
    check_packages("ifeval", PACKAGES)
    # Asked before lm-eval is imported, which would try to download the data then and there.
    check_nltk("ifeval", NLTK_DATA)
    import langdetect
    from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT

    langdetect.DetectorFactory.seed = 0
    # A text without any letter has no language: the scorer counts it as followed and logs the whole text.
    logging.getLogger("lm_eval.tasks.ifeval.instructions").setLevel(logging.CRITICAL)
    return INSTRUCTION_DICT


def checker_of(kind: str, registry: dict[str, Any]) -> Any:
    """A checker for one instruction; `ValueError` where the kind is unknown."""
    if kind not in registry:
        raise ValueError(f"the kind of instruction {kind!r} is unknown to the scorer")
    return registry[kind](kind)


def refuse_drawn(kind: str, drawn: Iterable[str]) -> None:
    """`ValueError` where a checker draws some of its arguments at random."""
    if names := sorted(drawn):
        raise ValueError(f"{kind} needs a usable value of {', '.join(names)}; it would draw one at random")


def _check(kind: str, given: dict[str, Any], prompt: str) -> Callable[[str], bool]:
    """The check of one instruction; `ValueError` where the kind is unknown or the checker would draw an argument."""
    checker = checker_of(kind, _registry())
    symbol = _symbol(given.get("letter"))
    try:
        checker.build_description(**(given | {"letter": "a"} if symbol else given))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{kind} cannot take the arguments {given} ({error!r})") from error
    if symbol:
        # No argument leads there: the checker's own arguments replace a symbol by a letter.
        checker._letter = symbol
    used = checker.get_instruction_args() or {}
    # An argument that is missing, or a number that the checker has no use for, is drawn at random instead.
    replaced = {name for name, value in given.items() if isinstance(value, int) and used[name] != value}
    refuse_drawn(kind, (used.keys() - given.keys()) | replaced)
    return checker.check_following


def _symbol(letter: Any) -> str | None:
    """What stands where a letter is asked for, if it is something else: the scorer would put a random letter there."""
    if letter is None or (isinstance(letter, str) and len(letter) == 1 and letter.lower() in LETTERS):
        return None
    if not isinstance(letter, str) or len(letter.lower()) != 1 or letter.isspace():
        raise ValueError(f"the letter to count must be one character, not {letter!r}")
    return letter.lower()


def variants(response: str) -> list[str]:
    """What the loose measure tries: the response, first or last line off or both, each with and without asterisks."""
    lines = response.split("\n")
    cut = [response, *("\n".join(kept).strip() for kept in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*cut, *(text.replace("*", "") for text in cut)]


def grade(item: Item, response: str, strip_thinking: bool = True, finished: bool = True) -> Graded:
    """The strict and the loose verdict on every instruction; a blank text follows none. `response` is kept as it is."""
    text = without_thinking(response) if strip_thinking else response
    tried = [variant for variant in variants(text) if variant.strip()]
    strict, loose = [], []
    for check in item.checks():
        strict.append(bool(text.strip()) and bool(check(text)))
        loose.append(any(check(variant) for variant in tried))
    return Graded(item.key, item.prompt, response, finished, tuple(strict), tuple(loose), item.kinds)


def answer_set(
    name: str, chat: ChatModel, settings: EvaluationSettings, seed: int = 0, items: list[Any] | None = None
) -> Iterator[Graded]:
    """Answers of a model to IFEval's prompts, or to `items`, which are like them, graded."""
    items = (load_items(settings.ifeval_prompts) if items is None else items)[: settings.max_prompts]
    prompts = [
        Prompt(
            [{"role": "user", "content": item.prompt}],
            "evaluation",
            f"{name} {item.key}",
            derived_seed(seed, name, item.key),
        )
        for item in items
    ]
    for item, (answer,) in zip(items, chat.answer(prompts, decoding(settings)), strict=True):
        yield grade(item, answer.text, settings.strip_thinking, answer.finished)


def violated(settings: EvaluationSettings) -> Callable[[str, str], list[str]]:
    """For a prompt and an answer, the ids of the prompt's instructions that are violated, strictly."""
    items = {item.prompt: item for item in load_items(settings.ifeval_prompts)}

    def named(prompt: str, text: str) -> list[str]:
        graded = grade(items[prompt], text, settings.strip_thinking)
        return [kind for kind, followed in zip(graded.kinds, graded.strict, strict=True) if not followed]

    return named


def score_files(
    prompts: Path,
    responses: Path,
    output: Path,
    settings: EvaluationSettings,
    load: Callable[[Path], list[Any]] = load_items,
) -> Row:
    """Grade a file of responses into `output`, in the order of the prompts that `load` reads; returns the four figures.

    Raises `UserError` unless the file holds exactly one response to every prompt and nothing else: a score over other
    prompts than the published ones is not comparable.
    """
    items = {item.prompt: item for item in load(prompts)}

    def read(row: Row) -> tuple[str, str]:
        if not isinstance(row["prompt"], str) or not isinstance(row["response"], str):
            raise ValueError("`prompt` and `response` must be strings")
        if row["prompt"] not in items:
            shown = row["prompt"][:SHOWN_CHARACTERS]
            raise ValueError(f"its prompt ({shown!r}…) is not in {prompts}; name the version that was answered")
        return row["prompt"], row["response"]

    texts: dict[str, str] = {}
    for prompt, text in Rows(responses, read):
        if prompt in texts:
            raise UserError(f"{responses}: a second response to the prompt of key {items[prompt].key}; keep one")
        texts[prompt] = text
    missing = [str(item.key) for item in items.values() if item.prompt not in texts]
    if missing:
        raise UserError(
            f"{responses}: {len(missing)} of {len(items)} prompts have no response, the first is key {missing[0]}; add "
            "them (an empty response follows no instruction)"
        )
    graded = [grade(item, texts[item.prompt], settings.strip_thinking) for item in items.values()]
    write_rows(output, ({"key": each.key, "strict": each.strict, "loose": each.loose} for each in graded))
    return {
        name: {"count": count, "total": total, "percent": round(100 * count / total, 2)}
        for name, (count, total) in figures(graded).items()
    }


def figures(graded: Iterable[Graded]) -> dict[str, tuple[int, int]]:
    """The four published figures as (followed, all): prompts with every instruction followed, and instructions."""
    graded = list(graded)
    found = {}
    for measure in ("strict", "loose"):
        verdicts = [getattr(each, measure) for each in graded]
        found[f"prompt_{measure}"] = (sum(map(all, verdicts)), len(verdicts))
        found[f"instruction_{measure}"] = (sum(chain(*verdicts)), sum(map(len, verdicts)))
    return found


def metrics(graded: Iterable[Graded]) -> dict[str, float]:
    """The four figures as fractions, 95 % intervals of those per prompt, and what spoils answers.

    `cut`: share of answers that ended at `max_new_tokens`; `blank`: share without any text.
    """
    graded = list(graded)
    count = max(len(graded), 1)
    found: dict[str, float] = {}
    for name, (followed, total) in figures(graded).items():
        found[name] = followed / max(total, 1)
        # Instructions of one prompt stand or fall together, so an interval as for independent ones would be too narrow.
        if name.startswith("prompt_"):
            found[f"{name}_low"], found[f"{name}_high"] = wilson_interval(followed, total)
    return found | {
        "cut": sum(not each.finished for each in graded) / count,
        "blank": sum(not each.response.strip() for each in graded) / count,
        "mean_words": sum(len(each.response.split()) for each in graded) / count,
    }
