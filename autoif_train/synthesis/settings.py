"""How much is written, by whom it is asked for, and in which form."""

from __future__ import annotations

import dataclasses
from typing import Literal

from autoif_train.chat.base import SamplingSettings
from autoif_train.setting import setting


@dataclasses.dataclass(frozen=True)
class SynthesisSettings:
    """How many instructions, functions and queries are made (paper §3.2, §3.3)."""

    seeds: str = "bundled:synthesis/data/seed_instructions.txt"
    """File with one hand-written seed instruction per line (paper §3.2: 36 of them; ours are bundled)."""
    instruction_calls: int = setting(10, least=0)
    """Calls that propose new instructions (ours; the paper does not state it)."""
    instructions_per_call: int = setting(100, least=1)
    """New instructions asked for in one call, K of the prompt in App. C."""
    max_instructions: int | None = setting(None, least=1)
    """Most instructions kept, seeds first; null = all (ours)."""
    near_duplicate_above: float = setting(0.95, least=0, most=1)
    """Two instructions whose texts are more alike than this, 0 to 1, count as one; their numbers and quoted words must
    agree as well (ours)."""
    exclude_kinds: list[str] = dataclasses.field(default_factory=list)
    """Known kinds of constraints that are left out: benchmarks (ifeval, ifbench) or kinds of one, such as
    ifeval/punctuation:no_comma; none by default (ours)."""
    functions_per_instruction: int = setting(8, least=1)
    """Answers asked for per instruction, each one function with three cases (released samples: 8)."""
    writing_temperature: float = setting(1.0, least=0)
    """Softmax temperature of the supervisor while it writes instructions and functions (ours)."""
    writing_max_new_tokens: int = setting(4096, least=1)
    """Longest text of the supervisor in tokens while it writes (ours)."""
    max_asks_again: int = setting(2, least=0)
    """How often another answer is drawn in the place of a function, a label or a score that cannot be read (ours)."""
    writing_batch_size: int = setting(16, least=1, free=True)
    """Texts that a local supervisor writes side by side; long ones take memory (ours)."""
    pilot_responses: int = setting(0, least=0)
    """Answers drawn per instruction, from the respondent and from the policy, before it is combined with queries: an
    instruction that the respondent never follows, or the policy always, is dropped. 0 = no pilot (ours)."""
    queries_per_instruction: int = setting(16, least=1)
    """User queries combined with each instruction (paper §3.3: 16)."""
    instructions_per_query: list[int] = setting(default_factory=lambda: [1], least=1)
    """How many instructions a query carries; several numbers take turns (paper: 1)."""
    known_answers: int = setting(512, least=0)
    """Known answers (texts of test cases, answers of the pilot) on which the functions of all instructions run where a
    query carries several: two instructions that none of these follows together are not combined. 0 = no such test
    (ours)."""
    balance_families: bool = False
    """Draw instructions evenly over families, those whose functions make the same check, so that one constraint in many
    wordings does not crowd out the rest (ours)."""
    audit_functions: int = setting(0, least=0)
    """Functions of an instruction that are held back from training: they judge every answer and decide nothing, so that
    reward hacking shows. At least two always train; 0 = none (ours)."""
    prompt_order: Literal["query_first", "instruction_first", "drawn"] = "query_first"
    """Where the instruction stands in the prompt; `drawn` decides for each query (paper: query first)."""
    max_answered_queries: int | None = setting(None, least=1)
    """Most queries that the respondent answers for SFT and offline DPO; the rest stay fresh for online DPO. null = all
    (ours)."""


def writing(settings: SynthesisSettings, answers: int, temperature: float) -> SamplingSettings:
    """How the supervisor is sampled while it writes."""
    return SamplingSettings(answers, temperature, 1.0, settings.writing_max_new_tokens, settings.writing_batch_size)


@dataclasses.dataclass(frozen=True)
class QueriesSettings:
    """Where user queries come from (paper §3.3: ShareGPT)."""

    path: str = "bundled:synthesis/data/user_queries.jsonl"
    """JSON Lines with `query`, `prompt` or `messages`, a ShareGPT file with `conversations` (.json or .jsonl), or
    anything that `datasets` opens: a hub id, a folder, a .parquet or .csv file."""
    split: str = "train"
    """Split of a hub id or a folder."""
    column: str | None = None
    """Column that holds a query or a conversation; null = the first of the usual names (ours)."""
    max_queries: int | None = setting(None, least=1)
    """Reading stops after this many user queries that pass; null = all (ours)."""
    language: str | None = None
    """Keep queries of this language only, an ISO 639-1 code such as en; needs `pip install -e '.[language]'`; null =
    all (ours)."""
    block_lists: list[str] = dataclasses.field(default_factory=list)
    """Files or `datasets` sources with prompts of benchmarks: a query that equals one of them, or shares 13 words in a
    row with it (paper, Table 4), is dropped (ours)."""
    min_characters: int = setting(20, least=0, below="max_characters")
    """A query must be longer than this many characters (paper §3.3: 20)."""
    max_characters: int = setting(300, least=1)
    """A query must be shorter than this many characters (paper §3.3: 300)."""
