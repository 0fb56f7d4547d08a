"""Instructions with the verification functions and cases that stand behind them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autoif_train.report.folder import clip, draw, rows_of
from autoif_train.types import CheckedInstruction, VerificationFunction

CARDS = 6
FUNCTIONS_PER_CARD = 2
CASES_PER_CARD = 6
CODE_CHARACTERS = 3_000
CASE_CHARACTERS = 240
CODE_CLASS = "code"


@dataclasses.dataclass(frozen=True)
class Card:
    """One checked instruction, each function with its evidence in words.

    `…_written` counts what the supervisor wrote before anything was dropped.
    """

    text: str
    seed: bool
    functions: tuple[tuple[Markup, str], ...]
    function_count: int
    functions_written: int | None
    cases: tuple[tuple[str, bool], ...]
    case_count: int
    cases_written: int | None


def cards(folder: Path) -> list[Card]:
    """A sample of the instructions that were kept, the same one on every call."""
    rows = rows_of(folder, "data/teachable", "data/checked", "data/cross_validated")
    checked = [CheckedInstruction.from_row(row) for row in draw(rows or [], CARDS, "cards")]
    written = _written(folder, {each.instruction.id for each in checked})
    return [_card(each, written.get(each.instruction.id)) for each in checked]


def _written(folder: Path, ids: set[str]) -> dict[str, tuple[int, int]]:
    """How many functions and cases were drafted for the instructions."""
    drafts = rows_of(folder, "data/functions") or []
    return {
        draft["instruction_id"]: (len(draft["functions"]), len(draft["cases"]))
        for draft in drafts
        if draft["instruction_id"] in ids
    }


def _card(checked: CheckedInstruction, written: tuple[int, int] | None) -> Card:
    functions = checked.functions[:FUNCTIONS_PER_CARD]
    cases = draw(checked.cases, CASES_PER_CARD, checked.instruction.id)
    return Card(
        text=clip(checked.instruction.text, CASE_CHARACTERS),
        seed=checked.instruction.parent_id is None,
        functions=tuple((highlighted(function.source), evidence_of(function)) for function in functions),
        function_count=len(checked.functions),
        functions_written=written[0] if written else None,
        cases=tuple((clip(case.text, CASE_CHARACTERS), case.expected) for case in cases),
        case_count=len(checked.cases),
        cases_written=written[1] if written else None,
    )


def evidence_of(function: VerificationFunction) -> str:
    """What speaks for a function, and what a reader should know of it, on one line."""
    said = [] if function.accuracy is None else [f"accuracy {function.accuracy:.0%}"]
    if evidence := function.evidence:
        shares = {
            "on True-cases": evidence.true_accuracy,
            "on False-cases": evidence.false_accuracy,
            "agreement": evidence.agreement,
            "kill rate": evidence.kill_rate,
        }
        said += [f"{name} {share:.0%}" for name, share in shares.items() if share is not None]
        said += [f"{evidence.arbitrated} texts arbitrated"] if evidence.arbitrated else []
        said += evidence.flags
    return " · ".join(said)


def highlighted(source: str) -> Markup:
    """Python source as HTML with classes; Pygments escapes what the source holds."""
    return Markup(highlight(clip(source, CODE_CHARACTERS), PythonLexer(), HtmlFormatter(cssclass=CODE_CLASS)))


def code_styles(style: str) -> Markup:
    """The CSS rules of a Pygments style for the words of highlighted code; the background stays the page's."""
    return Markup("\n".join(HtmlFormatter(style=style).get_token_style_defs(f".{CODE_CLASS}")))
