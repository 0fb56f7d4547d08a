"""Are refined pairs better than independent ones? The same failures, as many pairs, four ways to the better answer.

    python benchmarks/spar.py characters --seeds 1 2 3 --counts 64 256 1024
    python benchmarks/spar.py tiny --runs runs/seed_1 runs/seed_2 runs/seed_3 --counts 64 512

`refined`: a script mends the failing answer, in the breadth-first search of recipes/spar.py. `own tail`: the policy
writes the end of the failing answer anew, each time more of it, until it passes. `script anew`, `policy anew`: the same
two answer the prompt anew. A failing answer counts only where all four found a better one. Every count of pairs is
trained on for as many updates, and is a part of the next count, of the same failures in every arm.

`characters` is a world of its own: write N letters of a class; which of them are capitals is nobody's business, but
right answers to the prompts that pairs are about happen to have more of them. It is scored on other prompts, where they
have not. `tiny` starts from the data and the SFT model of finished runs and scores on H and Q.

The figures of a start are kept in `--kept` as it ends, and are not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.choice import open_chat, open_model
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.transformers import TransformersChat
from autoif_train.command import exit_with_code, prepare
from autoif_train.config import parse
from autoif_train.evaluation import tiny
from autoif_train.evaluation.statistics import mcnemar
from autoif_train.execution import Executor
from autoif_train.feedback.judge import Verify, verified
from autoif_train.feedback.pairs import PairsSettings, pairs_by_score
from autoif_train.feedback.quality import QualitySettings, quality_judge, score_quality
from autoif_train.feedback.refinement import (
    SparSettings,
    accepted_over_failing,
    by_functions,
    ends,
    failing_roots,
    refining,
    searched,
)
from autoif_train.feedback.sample import sample
from autoif_train.feedback.search import Refine
from autoif_train.rows import Rows, write_rows
from autoif_train.tiny.tokenizer import ASSISTANT, CHAT_TEMPLATE, END, PAD, USER
from autoif_train.training.train import train_dpo
from autoif_train.types import (
    CheckedInstruction,
    Judged,
    PreferencePair,
    Query,
    Response,
    Selection,
    UserError,
    Verdict,
    derived_seed,
)

Pair = dict[str, Any]
Figures = dict[str, Any]

SEARCH, ANEW = SparSettings(), SparSettings(strategy="best_of_n")
UPDATES = 48
INDEPENDENT = "policy anew"


def edit_distance(first: str, second: str) -> int:
    """Levenshtein's: characters put in, taken out or replaced."""
    row = list(range(len(second) + 1))
    for number, a in enumerate(first, 1):
        before, row[0] = row[0], number
        for place, b in enumerate(second, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (a != b))
    return row[-1]


def said(pair: Pair, side: str) -> str:
    return pair[side][0]["content"]


def distance(pairs: Iterable[Pair]) -> float:
    """Mean edit distance within pairs, as a share of the longer text."""
    texts = [(said(pair, "chosen"), said(pair, "rejected")) for pair in pairs]
    return statistics.fmean(edit_distance(*both) / max(map(len, both)) for both in texts)


def spread(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{deviation}"


# --- pairs ------------------------------------------------------------------------------------------------------------


class Continuing(TransformersChat):
    """Goes on where the payload of a prompt stops."""

    def encode(self, prompt: Prompt) -> list[int]:
        return super().encode(prompt) + self.tokenizer(prompt.payload, add_special_tokens=False).input_ids


def own_tail(chat: TransformersChat, sampling: SamplingSettings, seed: int) -> Refine:
    """The failing answer with its tail written anew; every call of the search has more of it written anew."""
    calls, per_call = 1 + (ANEW.depth - 1) * ANEW.beam, ANEW.refinements_per_node
    going_on = Continuing((chat.model, chat.tokenizer), chat.name)
    drawn = sampling.drawing(per_call, ANEW.temperature)

    def head(text: str, first: int) -> str:
        tokens = chat.tokenizer(text, add_special_tokens=False).input_ids
        return chat.tokenizer.decode(tokens[: len(tokens) * (calls - 1 - first // per_call) // calls])

    def refine(asked: Sequence[tuple[Query, Judged, int]]) -> list[list[Response]]:
        heads = [head(answer.response.text, first) for _, answer, first in asked]
        prompts = [
            Prompt(query.messages, "tail", kept, derived_seed(seed, "tail", query.id), first)
            for (query, _, first), kept in zip(asked, heads, strict=True)
        ]
        return [
            [Response(query.id, kept + each.text, chat.name, 0, each.finished) for each in answers]
            for (query, _, _), kept, answers in zip(asked, heads, going_on.answer(prompts, drawn), strict=True)
        ]

    return refine


def paired(
    queries: Sequence[Query], chat: Any, sampling: SamplingSettings, scripts: tuple[Refine, Refine], verify: Verify,
    scored: Callable[[list[Judged]], Iterable[Judged]], quality: QualitySettings, seed: int,
) -> dict[str, list[Pair]]:  # fmt: skip
    """Every arm's pairs, of the failing answers that have one in all of them; all answers at one temperature."""
    sampling = sampling.drawing(SEARCH.responses_per_query, SEARCH.temperature)
    judged = list(verified(sample(queries, chat, sampling, seed), queries, verify))
    roots = Selection.of(failing_roots(queries, judged, PairsSettings(), SEARCH.accept_above, seed)).rows
    mends, answers_anew = scripts
    ways = {
        "refined": (mends, SEARCH),
        "own tail": (own_tail(chat, sampling, seed), ANEW),
        "script anew": (answers_anew, ANEW),
        INDEPENDENT: (refining(chat, ANEW, sampling, seed), ANEW),
    }
    found: dict[str, dict[str, Pair]] = {}
    for name, (refine, settings) in ways.items():
        both = list(scored(list(ends(queries, searched(roots, queries, refine, verify, settings)))))
        events = pairs_by_score(queries, both, accepted_over_failing(SEARCH), quality, seed)
        pairs = [each for each in events if isinstance(each, PreferencePair)]
        found[name] = {pair.query_id: dataclasses.asdict(pair) for pair in pairs}
    shared = [query.id for query in queries if all(query.id in pairs for pairs in found.values())]
    random.Random(seed).shuffle(shared)
    return {name: [pairs[query] for query in shared] for name, pairs in found.items()}


def curve(
    start: str, arms: dict[str, list[Pair]], counts: Sequence[int], dpo: dict[str, Any], policy: PolicySettings,
    seed: int, measure: Callable[[str], Figures],
) -> Iterator[Figures]:  # fmt: skip
    """What DPO of `start` comes to on the first so many pairs of every arm; the start itself is `before`."""
    if max(counts) > (most := len(next(iter(arms.values())))):
        raise UserError(f"--counts {max(counts)}: there are {most} pairs")
    yield {"arm": "before", "count": 0, "distance": 0.0, **measure(start)}
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            for name, pairs in arms.items():
                output, file = Path(folder) / f"{name} {count}", Path(folder) / f"{name} {count}.jsonl"
                output.mkdir()
                write_rows(file, pairs[:count])
                train_dpo(start, Rows(file), {**dpo, "max_steps": UPDATES}, policy, seed, output)
                apart = 100 * distance(pairs[:count])
                yield {"arm": name, "count": count, "distance": apart, **measure(str(output))}


def table(starts: Sequence[Sequence[Figures]], columns: dict[str, str], against: Callable[..., str]) -> None:
    """A row for each arm at each count, over all starts."""
    print("| pairs | count | edit distance % |", " | ".join(columns.values()), "| against policy anew |")
    print("|---" * (len(columns) + 4) + "|")
    of = [{(row["arm"], row["count"]): row for row in start} for start in starts]
    for arm, count in of[0]:
        rows = [start[arm, count] for start in of]
        cells = [spread([row[each] for row in rows]) for each in ("distance", *columns)]
        compared = count and arm != INDEPENDENT
        cells.append(against(rows, [start[INDEPENDENT, count] for start in of]) if compared else "")
        print(f"| {arm} | {count} |", " | ".join(cells), "|")


# --- the tiny model ---------------------------------------------------------------------------------------------------


def on_tiny(folder: Path, counts: Sequence[int], dpo: dict[str, Any]) -> Iterator[Figures]:
    settings, start = parse("spar.py", "", ["--config", str(folder / "config.yaml")]), str(folder / "sft")
    queries = [Query.from_row(row) for row in Rows(folder / "data/queries.jsonl")]
    checked = [CheckedInstruction.from_row(row) for row in Rows(folder / "data/checked.jsonl")]
    named = {row.instruction.id: row.instruction.text for row in checked}
    sampling, seed = settings.sampling, settings.seed
    world = dataclasses.replace(settings.supervisor, kind="tiny")

    def scored(answers: list[Judged]) -> Iterable[Judged]:
        judge = quality_judge(settings.quality, script)
        events = score_quality(queries, answers, judge, settings.quality, SEARCH.accept_above, seed)
        return Selection.of(events).rows

    def measure(policy: str) -> Figures:
        with open_model(policy, settings.policy, "policy") as chat:
            sets = {name: list(tiny.answer_set(name, chat, settings.evaluation)) for name in ("H", "Q")}
        of = {name: tiny.metrics(rows) for name, rows in sets.items()}
        return {
            "H": 100 * of["H"]["pass_rate"], "Q": 100 * of["Q"]["pass_rate"], "relevance": 100 * of["H"]["relevance"],
            "words": of["H"]["mean_words"], "passed": [each.passed for rows in sets.values() for each in rows],
        }  # fmt: skip

    with (
        Executor(**dataclasses.asdict(settings.execution)) as executor,
        open_chat(world, settings.policy, "refiner", folder / "cache.sqlite", settings.engines) as script,
        open_model(start, settings.policy, "policy") as chat,
    ):
        scripts = refining(script, SEARCH, sampling, seed), refining(script, ANEW, sampling, seed)
        verify = by_functions(executor, named)
        arms = paired(queries, chat, sampling, scripts, verify, scored, settings.quality, seed)
    yield from curve(start, arms, counts, {**settings.dpo, **settings.spar.dpo, **dpo}, settings.policy, seed, measure)


def tiny_against(arm: Sequence[Figures], other: Sequence[Figures]) -> str:
    """Over all pooled prompts of H and Q."""
    passed = ([each for row in rows for each in row["passed"]] for rows in (other, arm))
    test = mcnemar(*passed)
    return f"{100 * test['difference']:+.1f}, p {test['p']:.2g}"


# --- characters -------------------------------------------------------------------------------------------------------

CLASSES = {"V": "aeiou", "C": "bcdfg", "L": "lmnpq", "S": "stwxz"}
PROMPTS = [f"{count} {kind}" for count in range(3, 31) for kind in CLASSES]
HELD_OUT = PROMPTS[3::5]
STEPS, BATCH = 500, 64
DPO = {
    "learning_rate": 6e-4, "lr_scheduler_type": "linear", "warmup_steps": 5, "beta": 1.0,
    "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.1], "global_batch_size": 16,
    "per_device_train_batch_size": 16, "max_length": 64, "save_strategy": "no", "bf16": False, "logging_steps": 50,
}  # fmt: skip
DRAWN = SamplingSettings(400, 1.0, 1.0, 48, 512)
"""Greedy answers would hide the nuisance: what is scored is drawn at temperature 1."""


def holds(prompt: str, text: str) -> bool:
    count, kind = prompt.split()
    return len(text) == int(count) and all(letter in CLASSES[kind] for letter in text.lower())


def letters(prompt: str, count: int, capitals: float, chance: random.Random) -> str:
    drawn = [chance.choice(CLASSES[prompt.split()[1]]) for _ in range(max(count, 0))]
    return "".join(letter.upper() if chance.random() < capitals else letter for letter in drawn)


def attempt(prompt: str, chance: random.Random) -> str:
    """What the policy is raised on: every other answer is wrong, in number or by a letter of another class."""
    capitals = chance.random()
    wrong = chance.random() < (0.5 if prompt in HELD_OUT else 0.9 - 0.8 * capitals)
    slip = chance.choice([-2, -1, 1, 2, 0]) if wrong else 0
    text = letters(prompt, int(prompt.split()[0]) + slip, capitals, chance)
    if wrong and slip == 0:
        place, other = chance.randrange(len(text)), chance.choice([each for each in PROMPTS if each[-1] != prompt[-1]])
        text = text[:place] + letters(other, 1, capitals, chance) + text[place + 1 :]
    return text


def mend(prompt: str, text: str, chance: random.Random) -> str:
    """The text with letters replaced, or put in or taken off at its end; the other letters stay as they are."""
    count, kind = prompt.split()
    capitals = sum(map(str.isupper, text)) / max(len(text), 1)
    kept = [each if each.lower() in CLASSES[kind] else letters(prompt, 1, capitals, chance) for each in text]
    return "".join(kept[: int(count)]) + letters(prompt, int(count) - len(kept), capitals, chance)


def raised(folder: Path, seed: int) -> str:
    """A model of 0.1 M parameters that writes letters, from scratch."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

    blank = Qwen2Tokenizer(eos_token=END, pad_token=PAD, unk_token=PAD, padding_side="left", model_max_length=64)
    specials = [USER, ASSISTANT]
    tokenizer = blank.train_new_from_iterator(["0"], 260, new_special_tokens=specials, show_progress=False)
    tokenizer.chat_template = CHAT_TEMPLATE
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, intermediate_size=128, max_position_embeddings=64, tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        )
    )  # fmt: skip
    chance, optimizer = random.Random(seed), torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, step / 50, (STEPS - step) / 175)
        asked = [chance.choice(PROMPTS) for _ in range(BATCH)]
        texts = [f"{USER}{prompt}{ASSISTANT}{attempt(prompt, chance)}{END}" for prompt in asked]
        batch = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        targets = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        for row, prompt in zip(targets, asked, strict=True):
            row[: len(tokenizer(f"{USER}{prompt}{ASSISTANT}").input_ids)] = -100
        model(**batch, labels=targets).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def verify(asked: Sequence[tuple[Query, Response]]) -> list[Judged]:
    return [Judged(response, Verdict((), float(holds(query.prompt, response.text)))) for query, response in asked]


def script(anew: bool) -> Refine:
    """The refiner: it mends, or answers anew; three times in ten it does the one thing or the other wrong."""

    def refine(asked: Sequence[tuple[Query, Judged, int]]) -> list[list[Response]]:
        return [[one(query, answer, first + number) for number in range(3)] for query, answer, first in asked]

    def one(query: Query, answer: Judged, number: int) -> Response:
        chance = random.Random(derived_seed("script", answer.response.id, anew, number))
        prompt, text = query.prompt, answer.response.text
        right = letters(prompt, int(prompt.split()[0]), chance.random(), chance) if anew else mend(prompt, text, chance)
        return Response(query.id, text if chance.random() < 0.3 else right, "script")

    return refine


def measured(policy: str, seed: int) -> Figures:
    """Pass rate and share of capitals over prompts that no pair was about, percent."""
    queries = [Query(prompt, (), ()) for prompt in HELD_OUT]
    with open_model(policy, PolicySettings(), "policy") as chat:
        texts = [(response.query_id, response.text) for response in sample(queries, chat, DRAWN, "measured", seed)]
    prompts = {query.id: query.prompt for query in queries}
    return {
        "passed": 100 * statistics.fmean(holds(prompts[query], text) for query, text in texts),
        "capitals": 100 * statistics.fmean(sum(map(str.isupper, text)) / max(len(text), 1) for _, text in texts),
    }


def on_characters(seed: int, counts: Sequence[int], dpo: dict[str, Any]) -> Iterator[Figures]:
    asked = [prompt for prompt in PROMPTS if prompt not in HELD_OUT]
    queries = [Query(prompt, (), (), id=f"{prompt} {number}") for number in range(20) for prompt in asked]
    policy, quality = PolicySettings(), QualitySettings(enabled=False)
    with tempfile.TemporaryDirectory() as folder:
        start = raised(Path(folder), seed)
        with open_model(start, policy, "policy") as chat:
            arms = paired(queries, chat, DRAWN, (script(False), script(True)), verify, lambda rows: rows, quality, seed)
        before = None
        for row in curve(start, arms, counts, {**DPO, **dpo}, policy, seed, lambda path: measured(path, seed)):
            before = before or row
            yield {**row, "drift": row["capitals"] - before["capitals"]}


def character_against(arm: Sequence[Figures], other: Sequence[Figures]) -> str:
    """Pass rates, seed by seed."""
    return spread([row["passed"] - its["passed"] for row, its in zip(arm, other, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", choices=("characters", "tiny"))
    parser.add_argument("--seeds", nargs="+", type=int, default=(1, 2, 3), help="of characters")
    parser.add_argument("--runs", nargs="+", type=Path, default=(), help="finished run folders, of tiny")
    parser.add_argument("--counts", nargs="+", type=int, default=(64, 256, 1024), help="of pairs")
    parser.add_argument("--dpo", type=json.loads, default={}, help='laid over the trainer\'s settings: {"beta": 0.1}')
    parser.add_argument("--kept", type=Path, default=Path("spar_figures"), help="folder")
    asked = parser.parse_args()
    make, starts = (on_tiny, asked.runs) if asked.world == "tiny" else (on_characters, asked.seeds)
    asked.kept.mkdir(parents=True, exist_ok=True)
    found = []
    for start in starts:
        kept = asked.kept / f"{asked.world}_{Path(str(start)).name}.json"
        if not kept.exists():
            kept.write_text(json.dumps(list(make(start, asked.counts, asked.dpo))), encoding="utf-8")
        found.append(json.loads(kept.read_text(encoding="utf-8")))
    if asked.world == "tiny":
        columns = {"H": "H", "Q": "Q", "relevance": "relevant H", "words": "words H"}
        table(found, columns, tiny_against)
    else:
        table(found, {"passed": "pass rate %", "drift": "drift of capitals, points"}, character_against)


if __name__ == "__main__":
    prepare()
    exit_with_code(main)
