"""Back-translation: contradictions drop functions or instructions, and everything is accounted for."""

from __future__ import annotations

import dataclasses
import random

import pytest

from autoif_train.chat.base import Answer
from autoif_train.funnel import Tally
from autoif_train.synthesis.back_translation import (
    LABELS,
    BackTranslationSettings,
    back_translate,
    check_nli,
    nli_judge,
    supervisor_judge,
)
from autoif_train.synthesis.settings import SynthesisSettings
from autoif_train.types import CheckedInstruction, Dropped, Instruction, Selection, UserError, VerificationFunction

SETTINGS = BackTranslationSettings(kind="supervisor")


class Supervisor:
    """Describes a function by its source; its entailment label is the source's first word."""

    name = "supervisor"

    def __init__(self):
        self.asked = []

    def answer(self, prompts, settings):
        self.asked += prompts
        return [[Answer(self._say(prompt))] for prompt in prompts]

    def _say(self, prompt):
        return prompt.payload if prompt.step == "back_translation" else prompt.payload.split("\n")[1].split()[0]


def checked(*functions, text="Do it."):
    made = tuple(VerificationFunction(source, accuracy) for source, accuracy in functions)
    return CheckedInstruction(Instruction(text), made, ())


def run(rows, supervisor=None, **changes):
    settings = dataclasses.replace(SETTINGS, **changes)
    events = list(back_translate(rows, supervisor or Supervisor(), settings, SynthesisSettings(), 0))
    kept = [[function.source for function in row.functions] for row in Selection.of(events).rows]
    return kept, [(event.unit, event.reason, event.count) for event in events if isinstance(event, Dropped)]


def test_what_agrees_stays():
    assert run([checked(("entailment a", 1.0), ("neutral b", 1.0))]) == ([["entailment a", "neutral b"]], [])


def test_a_contradiction_costs_the_function():
    kept, dropped = run([checked(("entailment a", 1.0), ("contradiction b", 1.0))])
    assert kept == [["entailment a"]]
    assert dropped == [("function", "contradicts the instruction", 1)]


def test_a_contradiction_costs_the_instruction_under_the_papers_rule():
    kept, dropped = run([checked(("entailment a", 1.0), ("contradiction b", 1.0))], drop="instruction")
    assert kept == []
    assert ("instruction", "contradicted by its functions", 1) in dropped
    assert ("function", "instruction dropped", 1) in dropped


def test_an_instruction_goes_when_no_function_is_left():
    kept, dropped = run([checked(("contradiction a", 1.0))])
    assert kept == []
    assert [reason for unit, reason, _ in dropped if unit == "instruction"] == ["contradicted by its functions"]


def test_the_most_accurate_are_described_in_their_order():
    rows = [checked(("entailment a", 0.8), ("entailment b", 1.0), ("entailment c", 0.9), ("entailment d", 1.0))]
    assert run(rows, max_functions=2)[0] == [["entailment b", "entailment d"]]


def test_all_are_described_without_a_limit():
    supervisor = Supervisor()
    run([checked(*((f"entailment {n}", 1.0) for n in range(9)))], supervisor, max_functions=None)
    assert sum(prompt.step == "back_translation" for prompt in supervisor.asked) == 9


def test_the_rest_may_be_kept_unchecked():
    rows = [checked(("entailment a", 1.0), ("contradiction b", 0.5))]
    assert run(rows, max_functions=1, keep_rest=True)[0] == [["entailment a", "contradiction b"]]


def test_nobody_can_say_is_not_agreement():
    kept, dropped = run([checked(("hm a", 1.0), ("entailment b", 1.0))])
    assert kept == [["entailment b"]]
    assert dropped == [("function", "entailment unreadable", 1)]


def test_an_instruction_lost_to_unreadable_answers_does_not_read_contradicted():
    _, dropped = run([checked(("hm a", 1.0))])
    assert dropped == [
        ("function", "entailment unreadable", 1),
        ("instruction", "its functions could not be compared", 1),
    ]


def test_a_supervisor_without_an_answer_is_survived():
    class Silent(Supervisor):
        def answer(self, prompts, settings):
            return [[] for _ in prompts]

    assert run([checked(("entailment a", 1.0))], Silent())[0] == []


class Describer(Supervisor):
    """Says these answers in turn, the last for ever, where it is to describe; as a judge it finds all neutral."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = answers

    def answer(self, prompts, settings):
        described = sum(prompt.step == "back_translation" for prompt in self.asked)
        self.asked += prompts
        said = self.answers[min(described, len(self.answers) - 1)]
        return [[said if prompt.step == "back_translation" else Answer("neutral")] for prompt in prompts]

    def steps(self):
        return [prompt.step for prompt in self.asked]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Answer(""), "no description"),
        (Answer("  \n"), "no description"),
        (Answer("<think>It counts"), "no description"),
        (Answer("<think>It counts", finished=False), "cut at max_new_tokens"),
        (Answer("The reply must", finished=False), "cut at max_new_tokens"),
    ],
)
def test_a_function_that_nobody_described_goes_unjudged(said, reason):
    describer = Describer(said)
    kept, dropped = run([checked(("code", 1.0))], describer)
    assert (kept, dropped[0]) == ([], ("function", reason, 1))
    assert describer.steps() == ["back_translation"] * 3


def test_a_missing_description_is_asked_for_again():
    describer = Describer(Answer(""), Answer("The reply must", finished=False), Answer("Do it."))
    assert run([checked(("code", 1.0))], describer) == ([["code"]], [])
    assert describer.steps() == ["back_translation"] * 3 + ["entailment"]
    assert "Do it." in describer.asked[-1].messages[0]["content"]


def test_a_cut_comparison_holds_no_label():
    class Cut(Supervisor):
        def answer(self, prompts, settings):
            return [[dataclasses.replace(row[0], finished=False)] for row in super().answer(prompts, settings)]

    assert supervisor_judge([("a", "neutral")], Cut(), SynthesisSettings(), 0) == [None]


def test_the_reasoning_of_the_describer_is_not_the_description():
    class Thinking(Supervisor):
        def _say(self, prompt):
            said = super()._say(prompt)
            return f"<think>contradiction</think>{said}" if prompt.step == "back_translation" else said

    supervisor = Thinking()
    run([checked(("entailment a", 1.0))], supervisor)
    assert "<think>" not in supervisor.asked[-1].messages[0]["content"]


def test_braces_in_a_source_reach_the_prompt():
    supervisor = Supervisor()
    run([checked(("entailment {brace}", 1.0))], supervisor)
    assert "{brace}" in supervisor.asked[0].messages[0]["content"]


def test_a_prompts_seed_does_not_depend_on_its_neighbours():
    alone, together = Supervisor(), Supervisor()
    run([checked(("entailment b", 1.0))], alone)
    run([checked(("entailment a", 1.0), text="Other."), checked(("entailment b", 1.0))], together)
    seeds = {prompt.payload: prompt.seed for prompt in together.asked if prompt.step == "back_translation"}
    assert alone.asked[0].seed == seeds["entailment b"]


@pytest.mark.parametrize("seed", range(20))
def test_all_that_goes_in_comes_out_or_has_a_reason(seed):
    chance = random.Random(seed)
    words = ("entailment", "neutral", "contradiction", "hm")
    rows = [
        checked(*((f"{chance.choice(words)} {n}", chance.random()) for n in range(chance.randrange(1, 6))), text=str(k))
        for k in range(40)
    ]
    settings = BackTranslationSettings(
        "supervisor",
        max_functions=chance.choice([None, 1, 3]),
        keep_rest=chance.random() < 0.5,
        drop=chance.choice(["function", "instruction"]),
    )
    tally = Tally("data/checked")
    out = list(tally.passing(back_translate(rows, Supervisor(), settings, SynthesisSettings(), 0)))
    entries = {entry["unit"]: entry for entry in tally.entries()}
    assert entries["instruction"]["rows_in"] == 40
    assert entries["instruction"]["rows_out"] == len(out)
    assert entries["function"]["rows_in"] == sum(len(row.functions) for row in rows)
    assert entries["function"]["rows_out"] == sum(len(row.functions) for row in out)


@pytest.mark.parametrize(
    ("said", "label"),
    [("So: Neutral.", "neutral"), ("", None), ("no idea", None), ("This is not a contradiction.", None)],
)
def test_the_supervisors_label_is_read(said, label):
    class Says:
        name = "says"

        def answer(self, prompts, settings):
            return [[Answer(said)] for _ in prompts]

    assert supervisor_judge([("a", "b")], Says(), SynthesisSettings(), 0) == [label]


# --- an NLI model -----------------------------------------------------------------------------------------------------

WORDS = ["reply", "must", "not", "use", "letters", "words", "digits", "only", "five", "ten", "end", "begin"]
PAIRS = [
    (" ".join(WORDS[i : i + 3]), " ".join(WORDS[(i * 5 + j) % 10 : (i * 5 + j) % 10 + 2]))
    for i in range(9)
    for j in range(8)
]


def tiny_nli(folder, labels):
    """A random classifier of pairs with these labels in this order; its weights do not depend on them."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({name: place for place, name in enumerate(names)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(names), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        initializer_range=1.0, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
    )  # fmt: skip
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    return tiny_nli(tmp_path_factory.mktemp("nli"), ["entailment", "neutral", "contradiction"])


def test_an_nli_models_labels_stand_in_its_own_order(nli, tmp_path):
    other = nli_judge(tiny_nli(tmp_path / "other", ["contradiction", "entailment", "neutral"]))(PAIRS)
    renamed = {"entailment": "contradiction", "neutral": "entailment", "contradiction": "neutral"}
    labels = nli_judge(nli)(PAIRS)
    assert other == [renamed[label] for label in labels]
    assert len(set(labels)) == 3


def test_a_models_labels_are_known_in_any_case(nli, tmp_path):
    upper = nli_judge(tiny_nli(tmp_path / "upper", ["ENTAILMENT", "Neutral", "CONTRADICTION"]))
    assert upper(PAIRS) == nli_judge(nli)(PAIRS)


def test_the_instruction_is_the_premise(nli):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(nli), AutoModelForSequenceClassification.from_pretrained(nli)
    judge = nli_judge(nli)
    for premise, hypothesis in PAIRS[:9]:
        with torch.no_grad():
            place = int(model(**tokenizer(premise, hypothesis, return_tensors="pt")).logits.argmax())
        assert judge([(premise, hypothesis)]) == [model.config.id2label[place]]


def test_an_nli_model_is_not_asked_about_what_nobody_described(nli):
    kept, dropped = run([checked(("code", 1.0))], Describer(Answer("")), kind="nli", model=nli)
    assert (kept, dropped[0]) == ([], ("function", "no description", 1))


def test_a_batch_says_what_each_pair_says(nli):
    judge = nli_judge(nli)
    assert judge(PAIRS) == [judge([pair])[0] for pair in PAIRS]


def test_a_description_without_end_is_cut_and_judged(nli):
    assert nli_judge(nli)([("reply must", "words " * 5000)])[0] in LABELS


def test_a_contradiction_found_by_the_model_drops_the_function(nli):
    label = dict(zip(PAIRS, nli_judge(nli)(PAIRS), strict=True))
    premise, contrary = next(pair for pair in PAIRS if label[pair] == "contradiction")
    agreeing = next(
        hypothesis for text, hypothesis in PAIRS if text == premise and label[premise, hypothesis] != "contradiction"
    )
    rows = [checked((contrary, 1.0), (agreeing, 1.0), text=premise)]
    kept, _ = run(rows, kind="nli", model=nli)
    assert kept == [[agreeing]]


def test_a_model_of_other_labels_is_refused_before_anything_is_paid(tmp_path):
    model = tiny_nli(tmp_path / "other", ["positive", "mixed", "negative"])
    with pytest.raises(UserError, match=r"^back_translation\.model: .*it needs entailment"):
        check_nli(model)


def test_a_model_whose_tokenizer_cannot_be_read_is_refused_before_anything_is_paid(tmp_path):
    model = tiny_nli(tmp_path / "bare", list(LABELS))
    (tmp_path / "bare" / "tokenizer_config.json").write_text("{")
    with pytest.raises(UserError, match=r"^back_translation\.model: .* cannot be loaded"):
        check_nli(model)
