"""How the pages are put together: one template engine and its filters."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from autoif_train.report.costs import duration
from autoif_train.report.reproduction.markup import cell_text


def environment() -> Environment:
    """The templates of the pages; whatever a model or a user wrote is escaped."""
    found = Environment(
        loader=PackageLoader("autoif_train.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "percent": _percent,
        "duration": duration,
        "thousands": "{:,}".format,
        "cell_text": cell_text,
    }
    return found


def _percent(share: float, digits: int = 1) -> str:
    # What rounds to nothing has no sign.
    return f"{round(100 * share, digits) + 0.0:.{digits}f}"
