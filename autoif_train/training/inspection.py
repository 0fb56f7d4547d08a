"""What a row becomes before it is trained on: its tokens, which of them are learned, and what is wrong with them.

The tokens are made as TRL makes them (a test holds the two together), so a template that would teach something else
than what sampling shows the model is found before the first step.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Collection
from typing import Any

from autoif_train.chat.policy import base_of
from autoif_train.chat.transformers import apply_template, turn_end_id
from autoif_train.rows import Rows
from autoif_train.types import Messages, Row, UserError

log = logging.getLogger(__name__)

ANSWERS = ("completion", "chosen", "rejected")
CHECKED_ROWS = 64
# A template's own marks around a row's text, in tokens, are assumed to be fewer.
TEMPLATE_TOKENS = 512

NOT_A_PREFIX = "the prompt is not a prefix of prompt and answer"
MERGED = "tokens merge over the end of the prompt"
BOS_DOUBLED = "the beginning token is doubled"
BOS_MISSING = "the beginning token that the tokenizer adds is missing"
END_MISSING = "no end token follows the answer"
END_UNTRAINED = "the end token is not trained"
TRUNCATED = "longer than max_length, so its end is cut"
MENDS = {
    NOT_A_PREFIX: "the chat template shows the model another prompt in training than in sampling; name one with "
    "--policy.chat_template that renders the prompt alike",
    MERGED: "let answers not begin with white space, or end the template's prompt with a special token",
    BOS_DOUBLED: "the chat template writes the token twice; name a mended one with --policy.chat_template",
    BOS_MISSING: "begin the chat template with {{ bos_token }}; name it with --policy.chat_template",
    END_MISSING: "close assistant turns with an end token in the chat template; name it with --policy.chat_template",
    END_UNTRAINED: "the loss leaves out the end of the answer; mend the template's generation marks",
    TRUNCATED: "raise max_length",
}
# What is wrong with the template and not with one row; a recipe stops at these.
SYSTEMATIC = (NOT_A_PREFIX, BOS_DOUBLED, BOS_MISSING, END_MISSING, END_UNTRAINED)


@dataclasses.dataclass(frozen=True)
class Sequence:
    """One answer of a row as the trainer sees it."""

    answer: str
    """`completion`, `chosen` or `rejected`."""
    ids: list[int]
    """Token ids of prompt and answer, before anything is cut."""
    learned: list[bool]
    """For each token whether the loss counts it."""
    kept: range
    """The positions that `max_length` leaves."""
    faults: tuple[str, ...]

    @property
    def lost(self) -> bool:
        """Whether nothing that is learned is left, so that the trainer drops the row."""
        return not any(self.learned[place] for place in self.kept)


@dataclasses.dataclass(frozen=True)
class Survey:
    """How many rows there are, and how many of them the trainer cuts or drops without a word."""

    rows: int
    truncated: int
    dropped: int


def ends_of(checkpoint: str, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer of a checkpoint: its own, its tokenizer's and its template's.

    An adapter's own are its base's.
    """
    from transformers import GenerationConfig

    try:
        declared = GenerationConfig.from_pretrained(base_of(checkpoint)).eos_token_id
    except OSError:
        declared = None
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(id_ for id_ in (*ids, tokenizer.eos_token_id, turn_end_id(tokenizer)) if id_ is not None)


def inspect_row(row: Row, tokenizer: Any, ends: frozenset[int], section: dict[str, Any]) -> list[Sequence]:
    """The sequences of a demonstration (one) or a pair (two) under the settings `sft` or `dpo`.

    Raises `UserError` where the template refuses the conversation.
    """
    named = [name for name in ANSWERS if name in row]
    prompt = _ids(tokenizer, row["prompt"], add_generation_prompt=True)
    wholes = [_ids(tokenizer, [*row["prompt"], *row[name]]) for name in named]
    # A pair's answers begin at one place.
    start = min(_common_prefix(prompt, whole) for whole in wholes)
    return [
        _sequence(row, name, whole, start, start == len(prompt), tokenizer, ends, section)
        for name, whole in zip(named, wholes, strict=True)
    ]


def _sequence(
    row: Row,
    name: str,
    ids: list[int],
    start: int,
    is_prefix: bool,
    tokenizer: Any,
    ends: frozenset[int],
    section: dict[str, Any],
) -> Sequence:
    learned = _learned([*row["prompt"], *row[name]], ids, start, tokenizer, section)
    kept = _kept(len(ids), section)
    faults = []
    if not is_prefix:
        faults.append(MERGED if _text_is_prefix(row, name, tokenizer) else NOT_A_PREFIX)
    bos = tokenizer.bos_token_id
    if bos is not None and ids[:2] == [bos, bos]:
        faults.append(BOS_DOUBLED)
    elif bos is not None and ids[:1] != [bos] and tokenizer("a").input_ids[0] == bos:
        faults.append(BOS_MISSING)
    closing = [place for place in range(start, len(ids)) if ids[place] in ends]
    if not closing:
        faults.append(END_MISSING)
    elif not any(learned[place] for place in closing):
        faults.append(END_UNTRAINED)
    if len(kept) < len(ids):
        faults.append(TRUNCATED)
    return Sequence(name, ids, learned, kept, tuple(faults))


def _ids(tokenizer: Any, messages: Messages, **options: Any) -> list[int]:
    return apply_template(tokenizer, messages, tokenize=True, return_dict=True, **options)["input_ids"]


def _text_is_prefix(row: Row, name: str, tokenizer: Any) -> bool:
    prompt = apply_template(tokenizer, row["prompt"], tokenize=False, add_generation_prompt=True)
    return apply_template(tokenizer, [*row["prompt"], *row[name]], tokenize=False).startswith(prompt)


def _learned(messages: Messages, ids: list[int], start: int, tokenizer: Any, section: dict[str, Any]) -> list[bool]:
    if section.get("completion_only_loss") is False:
        start = 0
    learned = [place >= start for place in range(len(ids))]
    if section.get("assistant_only_loss"):
        masks = apply_template(tokenizer, messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)[
            "assistant_masks"
        ]
        learned = [both and bool(mask) for both, mask in zip(learned, masks, strict=True)]
    return learned


def _kept(length: int, section: dict[str, Any]) -> range:
    most = section.get("max_length")
    if most is None or length <= most:
        return range(length)
    return range(length - most, length) if section.get("truncation_mode") == "keep_end" else range(most)


def _common_prefix(left: list[int], right: list[int]) -> int:
    for place, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return place
    return min(len(left), len(right))


def check_template(checkpoint: str, tokenizer: Any) -> None:
    """Refuse a chat template that would teach something else than what sampling shows, before there is any row."""
    turns = {name: [{"role": role, "content": text}] for name, role, text in _SPECIMEN}
    (sequence,) = inspect_row(turns, tokenizer, ends_of(checkpoint, tokenizer), {})
    _refuse_systematic(f"policy.chat_template of {checkpoint}", sequence.faults)


_SPECIMEN = (("prompt", "user", "A question?"), ("completion", "assistant", "An answer."))


def _refuse_systematic(where: str, faults: Collection[str]) -> None:
    for fault in SYSTEMATIC:
        if fault in faults:
            raise UserError(f"{where}: {fault}; {MENDS[fault]}; `autoif inspect` shows the tokens")


def survey(rows: Rows, tokenizer: Any, ends: frozenset[int], section: dict[str, Any]) -> Survey:
    """Refuse a template that would teach the wrong thing, and count what the trainer will cut or drop.

    The first rows are inspected whole; of the others only those whose bytes could be more than `max_length` tokens.
    Raises `UserError` with the file, the row's number, the fault and its mend, and where no row would be left.
    """
    most, found, number = section.get("max_length"), Counter(), 0
    for number, row in enumerate(rows, 1):
        if number > CHECKED_ROWS and (most is None or _bytes(row) + TEMPLATE_TOKENS <= most):
            continue
        sequences = inspect_row(row, tokenizer, ends, section)
        faults = {fault for sequence in sequences for fault in sequence.faults}
        if number <= CHECKED_ROWS:
            _refuse_systematic(f"{rows.path}, row {number}", faults)
        dropped = any(sequence.lost for sequence in sequences)
        found.update(dropped=dropped, truncated=TRUNCATED in faults and not dropped, merged=MERGED in faults)
    if number and found["dropped"] == number:
        raise UserError(f"{rows.path}: the prompts of all {number} rows fill max_length {most} alone; raise max_length")
    if found["truncated"] or found["dropped"]:
        counts = f"{found['truncated']} are cut at it and {found['dropped']} dropped, whose prompt alone fills it"
        log.info("max_length %s: of %d rows %s", most, number, counts)
    if found["merged"]:
        log.info("in %d rows %s; %s", found["merged"], MERGED, MENDS[MERGED])
    return Survey(number, found["truncated"], found["dropped"])


def _bytes(row: Row) -> int:
    """At least as many as tokens: tokenizers that fall back to bytes never make more."""
    texts = [json.dumps(row[name], ensure_ascii=False).encode() for name in ("prompt", *ANSWERS) if name in row]
    return len(texts[0]) + max(map(len, texts[1:]))
