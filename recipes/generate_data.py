"""Generate and verify data: instructions → functions → queries → responses → demonstrations and pairs (paper §3).

    python recipes/generate_data.py --model qwen2-7b --supervisor.base_url http://localhost:8000/v1

Without arguments: the embedded tiny model and its recorded supervisor, half a minute on one CPU core.
Leaves `data/*.jsonl` and the funnel in the run folder. Every step is kept: the same command goes on after a stop.
"""

from __future__ import annotations

from functools import partial
from itertools import chain

from autoif_train.chat.choice import open_roles, respondent_settings
from autoif_train.chat.policy import base_model, load_tokenizer
from autoif_train.command import run_recipe
from autoif_train.execution import ALLOWED_IMPORTS
from autoif_train.feedback.conversations import conversation_demonstrations
from autoif_train.feedback.demonstrations import demonstrations
from autoif_train.feedback.judge import judge
from autoif_train.feedback.pairs import pairs_by_score, pairs_from_cases
from autoif_train.feedback.pilot import pass_rates, worth_teaching
from autoif_train.feedback.quality import quality_judge, score_quality
from autoif_train.feedback.sample import sample
from autoif_train.run import Run
from autoif_train.synthesis.agreement import agree, read_answers, trust_of
from autoif_train.synthesis.arbitration import arbitrate
from autoif_train.synthesis.back_translation import back_translate, check_nli
from autoif_train.synthesis.cross_validation import cross_validate
from autoif_train.synthesis.functions import draft_row, read_draft, write_functions
from autoif_train.synthesis.probes import probe
from autoif_train.synthesis.queries import check_queries, combine, pilot_queries
from autoif_train.synthesis.self_instruct import self_instruct
from autoif_train.synthesis.sharpening import sharpen
from autoif_train.training.inspection import check_template
from autoif_train.types import CheckedInstruction, Instruction, Judged, Query, Response


def main(settings):
    with Run(settings, "generate_data") as run:
        if conversations := settings.demonstrations.conversations:
            most = settings.demonstrations.max_conversations
            run.keep("data/demonstrations", conversation_demonstrations, conversations, most, settings.seed)
            return
        if run.has("data/pairs"):
            return
        # Whatever would stop a later step is found before anything is paid for.
        if run.rank == 0 and not run.has("data/queries"):
            check_queries(settings.queries)
        if settings.agreement.enabled:
            read_answers(settings.agreement)
        base = base_model(settings.policy)
        check_template(base, load_tokenizer(base, settings.policy))
        if settings.back_translation.kind == "nli":
            check_nli(settings.back_translation.model)
        responding = respondent_settings(settings.supervisor, settings.respondent)
        asked = (settings.supervisor, responding, settings.policy, run.cache_path(), settings.engines)
        with (
            run.open_executor() as executor,
            run.alone(lambda: open_roles(*asked)) as roles,
        ):
            if run.rank == 0:
                run.remember("execution", "sandbox", executor.report)
            supervisor, respondent = ((roles or {}).get(role) for role in ("supervisor", "respondent"))
            run.watch("supervisor", supervisor)
            run.watch("respondent", respondent)
            checked = check_instructions(run, settings, supervisor, executor)
            if settings.synthesis.pilot_responses:
                checked = pilot(run, settings, checked, respondent, responding.kind, executor)
            answer_queries(run, settings, checked, supervisor, respondent, executor)
        run.show_gates()


def check_instructions(run, settings, supervisor, executor):
    """Paper §3.2: instructions, their functions and cases, cross validation, back-translation."""
    synthesis, seed = settings.synthesis, settings.seed
    instructions = run.keep("data/instructions", self_instruct, supervisor, synthesis, seed, read=Instruction.from_row)
    known = {instruction.id: instruction for instruction in instructions}
    imports = (*ALLOWED_IMPORTS, *settings.execution.packs)
    drafts = run.keep(
        "data/functions", write_functions, instructions, supervisor, synthesis, imports, seed,
        read=partial(read_draft, instructions=known), write=draft_row,
    )  # fmt: skip
    drafts = doubt(run, settings, drafts, supervisor, executor)
    name = "data/checked" if settings.back_translation.kind == "none" else "data/cross_validated"
    checked = run.keep(
        name, cross_validate, drafts, executor, settings.cross_validation, read=CheckedInstruction.from_row
    )
    if settings.back_translation.kind == "none":
        return checked
    return run.keep(
        "data/checked", back_translate, checked, supervisor, settings.back_translation,
        synthesis, seed, read=CheckedInstruction.from_row,
    )  # fmt: skip


def doubt(run, settings, drafts, supervisor, executor):
    """Beyond the paper: functions meet probes, each other on many texts, and their own mutants."""
    seed, trust, read = settings.seed, trust_of(settings.agreement), CheckedInstruction.from_row
    arbiter = partial(arbitrate, supervisor=supervisor, synthesis=settings.synthesis, seed=seed)
    if settings.probes.enabled:
        drafts = run.keep("data/probed", probe, drafts, executor, settings.probes, read=read)
    if settings.agreement.enabled:
        answers = read_answers(settings.agreement)
        drafts = run.keep("data/agreed", agree, drafts, executor, arbiter, settings.agreement, answers, seed, read=read)
    if settings.sharpening.enabled:
        drafts = run.keep("data/sharp", sharpen, drafts, executor, arbiter, settings.sharpening, trust, seed, read=read)
    return drafts


def pilot(run, settings, checked, respondent, respondent_kind, executor):
    """Leave out the instructions that the respondent cannot follow, and those that the policy need not learn."""
    synthesis, seed, above = settings.synthesis, settings.seed, settings.demonstrations.accept_above
    sampling = settings.sampling.drawing(synthesis.pilot_responses)
    queries = run.keep(
        "data/pilot_queries", pilot_queries, checked, synthesis, settings.queries, seed, read=Query.from_row
    )

    def rates(who, chat):
        name = f"data/pilot_{who}"
        answers = run.keep(f"{name}_responses", sample, queries, chat, sampling, seed, "pilot", read=Response.from_row)
        judged = run.keep(f"{name}_judged", judge, queries, answers, executor, read=Judged.from_row)
        return pass_rates(queries, judged, above)

    of_respondent = of_policy = rates("respondent", respondent)
    if respondent_kind != "policy":
        with run.open_policy(base_model(settings.policy), "base") as policy:
            of_policy = rates("policy", policy)
    return run.keep(
        "data/teachable", worth_teaching, checked, of_respondent, of_policy, read=CheckedInstruction.from_row
    )


def answer_queries(run, settings, checked, supervisor, respondent, executor):
    """Paper §3.3 and §3.4: queries, K responses each, verdicts, quality; then demonstrations and pairs."""
    seed, most = settings.seed, settings.synthesis.max_answered_queries
    tried = run.rows("data/pilot_respondent_responses") if settings.synthesis.pilot_responses else ()
    queries = run.keep(
        "data/queries", combine, list(checked), settings.synthesis, settings.queries, seed, executor,
        (row["text"] for row in tried), read=Query.from_row,
    )  # fmt: skip
    responses = run.keep(
        "data/responses", sample, queries.first(most), respondent, settings.sampling, seed, read=Response.from_row
    )
    judged = run.keep("data/judged", judge, queries, responses, executor, read=Judged.from_row)
    if settings.quality.enabled:
        judged = run.keep(
            "data/scored", score_quality, queries, judged, quality_judge(settings.quality, supervisor),
            settings.quality, min(settings.demonstrations.accept_above, settings.pairs.chosen_above), seed,
            read=Judged.from_row,
        )  # fmt: skip
    run.keep("data/demonstrations", demonstrations, queries, judged, settings.demonstrations, settings.quality, seed)
    pairs = pairs_by_score(queries, judged, settings.pairs, settings.quality, seed)
    if settings.pairs.instruction_level:
        pairs = chain(pairs, pairs_from_cases(checked, executor, settings.pairs, seed))
    run.keep("data/pairs", lambda: pairs)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__)
