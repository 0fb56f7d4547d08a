"""A failing answer → a tree of refinements, until one passes (SPaR, arXiv 2412.11605): pure, over (refine, verify)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

from autoif_train.feedback.judge import Verify
from autoif_train.setting import setting
from autoif_train.types import Judged, Query, Response

Refine = Callable[[Sequence[tuple[Query, Judged, int]]], list[list[Response]]]
"""(query, answer to refine, refinements it had before) → refinements of each."""


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """How far a search goes; every strategy refines at most 1 + (depth - 1) · beam answers of a query."""

    strategy: Literal["breadth_first", "depth_first", "best_of_n"] = "breadth_first"
    """Refine the best of a level, or the best of the deepest, or draw answers anew (SPaR: breadth_first)."""
    refinements_per_node: int = setting(3, least=1)
    """Refinements drawn of each answer that is refined (SPaR: 3)."""
    beam: int = setting(2, least=1)
    """Answers refined at each depth below the root (SPaR: 2)."""
    depth: int = setting(3, least=1)
    """Most refinements of refinements (SPaR: 3)."""
    accept_above: float = setting(0.5, least=0, most=1)
    """An answer passes whose score, 0 to 1, exceeds this (SPaR: 0.5)."""


def value(answer: Judged) -> float:
    """What an answer is worth to a search: its score, and less than any where nobody could judge or it was cut."""
    score = answer.verdict.score
    return -1.0 if score is None or not answer.response.finished else score


def best(answers: Sequence[Judged]) -> Judged:
    """The answer of the highest value, the first of equals: a root that passes is its own best."""
    return max(answers, key=value)


@dataclasses.dataclass
class Tree:
    """Answers to a query as they were made, the root first; `refined` holds the places of those that were refined."""

    query: Query
    nodes: list[Judged]
    depths: list[int]
    refined: list[int]


def search(
    queries: Sequence[Query], roots: Sequence[Judged], refine: Refine, verify: Verify, settings: SearchSettings
) -> list[list[Judged]]:
    """For each query every answer that was made, its root first; all queries take a step together.

    A tree ends when an answer passes, its siblings judged too, or when the budget is spent: a root that passes is
    returned as it is. A refinement's `parent_id` is the id of the answer that it refines.
    """
    trees = [Tree(query, [root], [0], []) for query, root in zip(queries, roots, strict=True)]
    each, choose = settings.refinements_per_node, STRATEGIES[settings.strategy]
    while True:
        failing = [tree for tree in trees if value(best(tree.nodes)) <= settings.accept_above]
        wanted = [(tree, place) for tree in failing for place in choose(tree, settings)]
        if not wanted:
            return [tree.nodes for tree in trees]
        found = refine([(tree.query, tree.nodes[place], each * tree.refined.count(place)) for tree, place in wanted])
        made = []
        for (tree, place), answers in zip(wanted, found, strict=True):
            first, parent = tree.nodes[0].response.index + 1 + each * len(tree.refined), tree.nodes[place].response.id
            for index, answer in enumerate(answers, first):
                made.append((tree, place, dataclasses.replace(answer, index=index, parent_id=parent)))
            tree.refined.append(place)
        judged = verify([(tree.query, answer) for tree, _, answer in made])
        for (tree, place, _), answer in zip(made, judged, strict=True):
            tree.nodes.append(answer)
            tree.depths.append(tree.depths[place] + 1)


def _breadth_first(tree: Tree, settings: SearchSettings) -> list[int]:
    deepest = max(tree.depths)
    level = [place for place, depth in enumerate(tree.depths) if depth == deepest]
    if deepest == settings.depth or not set(level).isdisjoint(tree.refined):
        return []
    return sorted(level, key=lambda place: -value(tree.nodes[place]))[: settings.beam]


def _depth_first(tree: Tree, settings: SearchSettings) -> list[int]:
    open_ = [place for place, depth in enumerate(tree.depths) if depth < settings.depth and place not in tree.refined]
    deepest = sorted(open_, key=lambda place: (-tree.depths[place], -value(tree.nodes[place])))
    return [] if _spent(tree, settings) else deepest[:1]


def _best_of_n(tree: Tree, settings: SearchSettings) -> list[int]:
    return [] if _spent(tree, settings) else [0]


def _spent(tree: Tree, settings: SearchSettings) -> bool:
    return len(tree.refined) >= 1 + (settings.depth - 1) * settings.beam


STRATEGIES = {"breadth_first": _breadth_first, "depth_first": _depth_first, "best_of_n": _best_of_n}
