"""Are refined pairs better than independent ones? The same failures, as many pairs, three ways to the better answer.

    python benchmarks/spar.py characters
    python benchmarks/spar.py correlated
    python benchmarks/spar.py tiny runs/seed_1 runs/seed_2 runs/seed_3

`refined`: a script mends the failing answer, in the breadth-first search of recipes/spar.py. `script anew`: the same
script answers the prompt anew. `policy anew`: the policy's own next answer that passes. A failing answer counts only
where all three found a better one. `characters` is a world of its own: write N letters of a class; which of them are
capitals is nobody's business. In `correlated` right answers happen to have more of them. `tiny` starts from the data
and the SFT model of finished runs and scores on H and Q; a fourth arm, `refined, taught`, has a tiny model for its
refiner, fine-tuned on what the script mended of the run's other queries.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "recipes"))

import spar
from autoif_train.chat.base import SamplingSettings
from autoif_train.chat.choice import open_model
from autoif_train.chat.policy import PolicySettings
from autoif_train.command import exit_with_code, prepare
from autoif_train.config import parse
from autoif_train.evaluation import tiny
from autoif_train.evaluation.statistics import mcnemar
from autoif_train.feedback.judge import verified
from autoif_train.feedback.pairs import PairsSettings, pairs_by_score
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.refinement import SparSettings, ends, failing_roots, refining, searched
from autoif_train.feedback.sample import sample
from autoif_train.rows import Rows, write_rows
from autoif_train.run import Run
from autoif_train.tiny.tokenizer import ASSISTANT, CHAT_TEMPLATE, END, PAD, USER
from autoif_train.training.train import train_dpo, train_sft
from autoif_train.types import Judged, PreferencePair, Query, Response, Selection, Verdict, derived_seed

ARMS = {
    "refined": {"strategy": "breadth_first", "refiner": "tiny"},
    "script anew": {"strategy": "best_of_n", "refiner": "tiny"},
    "policy anew": {"strategy": "best_of_n", "refiner": "policy"},
}
TAUGHT = "refined, taught"
SEEDS = (1, 2, 3)


def edit_distance(first: str, second: str) -> int:
    """Levenshtein's: characters put in, taken out or replaced."""
    row = list(range(len(second) + 1))
    for number, a in enumerate(first, 1):
        before, row[0] = row[0], number
        for place, b in enumerate(second, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (a != b))
    return row[-1]


def said(pair: dict[str, Any], side: str) -> str:
    return pair[side][0]["content"]


def distance(pairs: Iterable[dict[str, Any]]) -> float:
    """Mean edit distance within pairs, as a share of the longer text."""
    texts = [(said(pair, "chosen"), said(pair, "rejected")) for pair in pairs]
    return statistics.fmean(edit_distance(*both) / max(map(len, both)) for both in texts)


def in_common(arms: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """A pair for each query in which every arm has one."""
    by_query = [{pair["query_id"]: pair for pair in pairs} for pairs in arms.values()]
    shared = [query for query in by_query[0] if all(query in pairs for pairs in by_query)]
    return {name: [pairs[query] for query in shared] for name, pairs in zip(arms, by_query, strict=True)}


def spread(values: Sequence[float], digits: int = 1) -> str:
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


# --- the tiny model ---------------------------------------------------------------------------------------------------


def first_round(
    here: Path, lent: dict[str, Path], settings: Any, queries: slice, **chosen: Any
) -> tuple[list[dict[str, Any]], Any]:
    """The first round of the recipe in a folder of its own, up to its training: pairs, and demonstrations."""
    (here / "spar/round_1").mkdir(parents=True)
    for part, source in lent.items():
        (here / part).symlink_to(source.resolve())
    changed = dataclasses.replace(
        settings, output_dir=str(here), spar=dataclasses.replace(settings.spar, train_refiner=False, **chosen)
    )
    with Run(changed, "spar") as run:
        asked = list(run.rows("data/queries", Query.from_row))[queries]
        taught = str(here / "refiner") if "refiner" in lent else None
        pairs, mended = spar.refine(run, changed, str(here / "sft"), taught, 1, asked)
        return list(pairs), mended


def tiny_pairs(folder: Path, work: Path, settings: Any, most: int) -> dict[str, list[dict[str, Any]]]:
    """Every arm's pairs on the run's first queries, its answers drawn once."""
    found, lent = {}, {part: folder / part for part in ("data", "sft")}
    for name, chosen in ARMS.items():
        found[name], _ = first_round(work / name, lent, settings, slice(most), **chosen)
        first = work / next(iter(ARMS))
        lent |= {f"spar/round_1/{part}.jsonl": first / f"spar/round_1/{part}.jsonl" for part in ("responses", "judged")}
    start = {part: folder / part for part in ("data", "sft")}
    _, mended = first_round(work / "teaching", start, settings, slice(most, None), **ARMS["refined"])
    (refiner := work / "refiner").mkdir()
    section = {**settings.sft, **settings.spar.sft}
    train_sft(str(folder / "sft"), mended, section, settings.policy, settings.seed, refiner)
    lent["refiner"] = refiner
    found[TAUGHT], _ = first_round(work / TAUGHT, lent, settings, slice(most), **ARMS["refined"])
    print(folder.name, {name: len(pairs) for name, pairs in found.items()}, flush=True)
    return found


def on_tiny(runs: Sequence[Path], most: int) -> None:
    rows: dict[str, list[dict[str, Any]]] = {}
    for folder in runs:
        kept = folder / "spar_arms.json"
        if not kept.exists():
            kept.write_text(json.dumps(figures_of(folder, most)), encoding="utf-8")
        for name, figures in json.loads(kept.read_text(encoding="utf-8")).items():
            rows.setdefault(name, []).append(figures)
    print_tiny(rows)


def figures_of(folder: Path, most: int) -> dict[str, dict[str, Any]]:
    """What the SFT model and the policy of each arm score, and how far apart the texts of a pair are."""
    settings, found = parse("spar.py", "", ["--config", str(folder / "config.yaml")]), {}
    with tempfile.TemporaryDirectory() as work:
        arms = in_common(tiny_pairs(folder, Path(work), settings, most))
        for name in ("SFT", *arms):
            policy = folder / "sft" if name == "SFT" else Path(work) / f"{name}.policy"
            if name in arms:
                write_rows(rows := Path(work) / f"{name}.jsonl", arms[name])
                policy.mkdir()
                section = {**settings.dpo, **settings.spar.dpo}
                train_dpo(str(folder / "sft"), Rows(rows), section, settings.policy, settings.seed, policy)
            with open_model(str(policy), settings.policy, name) as chat:
                scored = {each: list(tiny.answer_set(each, chat, settings.evaluation)) for each in ("H", "Q")}
            found[name] = {each: tiny.metrics(rows) for each, rows in scored.items()}
            found[name]["passed"] = [each.passed for rows in scored.values() for each in rows]
            found[name]["pairs"] = len(arms.get(name, ()))
            found[name]["distance"] = distance(arms[name]) if name in arms else 0.0
    return found


def print_tiny(rows: dict[str, list[dict[str, Any]]]) -> None:
    print("| pairs | count | edit distance % | H | Q | relevant H | words H | against refined |\n" + "|---" * 8 + "|")
    for name, seeds in rows.items():
        columns = [[100 * seed[each]["pass_rate"] for seed in seeds] for each in ("H", "Q")]
        columns += [[100 * seed["H"]["relevance"] for seed in seeds], [seed["H"]["mean_words"] for seed in seeds]]
        passed, refined = ([each for seed in rows[arm] for each in seed["passed"]] for arm in (name, "refined"))
        test = mcnemar(refined, passed)
        against = f"{100 * test['difference']:+.1f}, p {test['p']:.2g}" if name != "refined" else "–"
        counts, distances = [seed["pairs"] for seed in seeds], [100 * seed["distance"] for seed in seeds]
        cells = [spread(counts, 0), spread(distances, 0), *map(spread, columns), against]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


# --- characters -------------------------------------------------------------------------------------------------------

CLASSES = {"V": "aeiou", "C": "bcdfg", "L": "lmnpq", "S": "stwxz"}
PROMPTS = [f"{count} {kind}" for count in range(3, 15) for kind in CLASSES]
HELD_OUT = PROMPTS[3::5]
STEPS, BATCH = 350, 64
DPO = {
    "learning_rate": 3e-4, "lr_scheduler_type": "linear", "warmup_steps": 5, "num_train_epochs": 1, "beta": 0.1,
    "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.1], "global_batch_size": 16,
    "per_device_train_batch_size": 16, "max_length": 64, "save_strategy": "no", "bf16": False, "logging_steps": 50,
}  # fmt: skip
DRAWN = SamplingSettings(5, 1.0, 1.0, 32, 512)
"""Greedy answers would hide the nuisance: everything here is drawn at temperature 1."""


def holds(prompt: str, text: str) -> bool:
    count, kind = prompt.split()
    return len(text) == int(count) and all(letter in CLASSES[kind] for letter in text.lower())


def letters(prompt: str, count: int, capitals: float, chance: random.Random) -> str:
    drawn = [chance.choice(CLASSES[prompt.split()[1]]) for _ in range(max(count, 0))]
    return "".join(letter.upper() if chance.random() < capitals else letter for letter in drawn)


def attempt(prompt: str, correlated: bool, chance: random.Random) -> str:
    """What the policy is raised on: every other answer is wrong, in number or by a letter of another class."""
    capitals = chance.random()
    wrong = chance.random() < (0.9 - 0.8 * capitals if correlated else 0.5)
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


def raised(folder: Path, correlated: bool, seed: int) -> str:
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
        texts = [f"{USER}{prompt}{ASSISTANT}{attempt(prompt, correlated, chance)}{END}" for prompt in asked]
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


def script(anew: bool) -> Any:
    """The refiner: it mends, or answers anew; three times in ten it does the one thing or the other wrong."""

    def refine(asked: Sequence[tuple[Query, Judged, int]]) -> list[list[Response]]:
        return [[one(query, answer, first + number) for number in range(3)] for query, answer, first in asked]

    def one(query: Query, answer: Judged, number: int) -> Response:
        chance = random.Random(derived_seed("script", answer.response.id, anew, number))
        prompt, text = query.prompt, answer.response.text
        right = letters(prompt, int(prompt.split()[0]), chance.random(), chance) if anew else mend(prompt, text, chance)
        return Response(query.id, text if chance.random() < 0.3 else right, "script")

    return refine


def character_pairs(policy: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Every arm's pairs, from the same failing answers."""
    trained = [prompt for prompt in PROMPTS if prompt not in HELD_OUT]
    queries = [Query(prompt, (), (), id=f"{prompt} {number}") for number in range(20) for prompt in trained]
    found = {}
    with open_model(policy, PolicySettings(), "policy") as chat:
        judged = list(verified(sample(queries, chat, DRAWN, seed), queries, verify))
        roots = Selection.of(failing_roots(queries, judged, PairsSettings(), 0.5, seed)).rows
        anew = SparSettings(strategy="best_of_n", temperature=1.0)
        own = refining(chat, anew, DRAWN, seed)
        ways = {
            "refined": (script(False), SparSettings()),
            "script anew": (script(True), anew),
            "policy anew": (own, anew),
        }
        for name, (refine, settings) in ways.items():
            both = list(ends(queries, searched(roots, queries, refine, verify, settings)))
            events = pairs_by_score(queries, both, PairsSettings(), QualitySettings(enabled=False), seed)
            found[name] = [dataclasses.asdict(each) for each in events if isinstance(each, PreferencePair)]
    return in_common(found)


def measured(policy: str, seed: int) -> dict[str, float]:
    """Pass rate, share of capitals and length over prompts that no pair was about."""
    queries = [Query(prompt, (), ()) for prompt in HELD_OUT]
    with open_model(policy, PolicySettings(), "policy") as chat:
        drawn = dataclasses.replace(DRAWN, responses_per_query=100)
        texts = [(response.query_id, response.text) for response in sample(queries, chat, drawn, "measured", seed)]
    prompts = {query.id: query.prompt for query in queries}
    return {
        "passed": 100 * statistics.fmean(holds(prompts[query], text) for query, text in texts),
        "capitals": 100 * statistics.fmean(sum(map(str.isupper, text)) / max(len(text), 1) for _, text in texts),
    }


def on_characters(correlated: bool) -> None:
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            start = raised(Path(folder) / "start", correlated, seed)
            before = measured(start, seed)
            rows.setdefault("before", []).append({**before, "distance": 0.0, "drift": 0.0})
            for name, pairs in character_pairs(start, seed).items():
                output, file = Path(folder) / name, Path(folder) / f"{name}.jsonl"
                output.mkdir()
                write_rows(file, pairs)
                train_dpo(start, Rows(file), DPO, PolicySettings(), seed, output)
                after = measured(str(output), seed)
                drift = after["capitals"] - before["capitals"]
                rows.setdefault(name, []).append({**after, "distance": 100 * distance(pairs), "drift": drift})
                print(
                    f"correlated {correlated}, seed {seed}, {name}: {len(pairs)} pairs, drift {drift:+.1f}", flush=True
                )
    print("| pairs | edit distance % | pass rate % | drift of capitals, points | its size |\n|---|---|---|---|---|")
    for name, seeds in rows.items():
        cells = [spread([seed[each] for seed in seeds]) for each in ("distance", "passed", "drift")]
        print(f"| {name} |", " | ".join([*cells, spread([abs(seed["drift"]) for seed in seeds])]), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", choices=("characters", "correlated", "tiny"))
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--queries", type=int, default=1200, help="of each run; others teach a refiner")
    asked = parser.parse_args()
    if asked.world == "tiny":
        on_tiny(asked.runs, asked.queries)
    else:
        on_characters(asked.world == "correlated")


if __name__ == "__main__":
    prepare()
    exit_with_code(main)
