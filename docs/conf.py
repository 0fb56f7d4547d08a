"""The documentation as a site: `make docs` builds it into build/docs."""

import dataclasses
import json
import sys
import typing
from pathlib import Path

import docstring_parser

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autoif_train.config import Settings
from autoif_train.setting import bounds

MARK = "<!-- settings -->"
project = "autoif_train"
author = "the autoif_train contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "autoif_train"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
default_role = "code"  # docstrings write code in single backticks
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository, which the site does not hold


def setup(app):
    """Pages hold `<!-- settings -->` where the reference of the settings goes, which is made from the dataclasses."""
    app.connect("source-read", _write_reference)


def _write_reference(_app, _page: str, source: list[str]) -> None:
    if MARK in source[0]:
        source[0] = source[0].replace(MARK, _reference())


def _reference() -> str:
    hints = typing.get_type_hints(Settings)
    sections = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    lines = ["## Of no section", *_entries(Settings, "", skip=sections)]
    for name, section in sections.items():
        lines += [f"## {name}", section.__doc__, *_entries(section, f"{name}.")]
    return "\n\n".join(lines)


def _entries(section: type, before: str, skip: typing.Collection[str] = ()) -> list[str]:
    """An entry per setting of a section, those of the sections inside it included."""
    hints, said, lines = typing.get_type_hints(section), _docstrings(section), []
    for field in dataclasses.fields(section):
        if field.name in skip:
            continue
        if dataclasses.is_dataclass(hints[field.name]):
            lines += _entries(hints[field.name], f"{before}{field.name}.")
        else:
            lines.append(_entry(f"{before}{field.name}", field, said))
    return lines


def _docstrings(section: type) -> dict[str, str]:
    """What is written beneath each field of a dataclass and of those it extends."""
    parsed = [docstring_parser.parse_from_object(each) for each in reversed(section.__mro__[:-1])]
    return {each.arg_name: each.description or "" for one in parsed for each in one.params}


def _entry(key: str, field: dataclasses.Field, said: dict[str, str]) -> str:
    made = field.default_factory is not dataclasses.MISSING
    default = field.default_factory() if made else field.default
    must = f" It must be {bounds(field)}." if bounds(field) else ""
    sentence = " ".join(said[field.name].split()).replace("<", "&lt;") + must
    return f"`{key}` = `{json.dumps(default, ensure_ascii=False)}`\\\n{sentence}"
