"""The search over refinements: what it asks for, when it ends, what it returns."""

from __future__ import annotations

import pytest

from autoif_train.feedback.search import SearchSettings, best, search, value
from autoif_train.types import Judged, Query, QueryFunction, Response, Verdict

QUERY = Query("Say it.", ("a",), (QueryFunction("", "a"),))
STRATEGIES = ("breadth_first", "depth_first", "best_of_n")


def answer(text, score, query=QUERY, finished=True, index=0):
    return Judged(Response(query.id, text, "somebody", index, finished), Verdict((), score))


class World:
    """A refiner that names each refinement after its parent, and a verifier that knows what each is worth."""

    def __init__(self, scores=None, count=3, cut=()):
        self.scores, self.count, self.cut = scores or {}, count, cut
        self.asked, self.calls = [], 0

    def refine(self, asked):
        self.calls += 1
        self.asked += [(answer.response.text, first) for _, answer, first in asked]
        return [
            [
                Response(query.id, f"{node.response.text}.{first + n}", "refiner", finished=n not in self.cut)
                for n in range(self.count)
            ]
            for query, node, first in asked
        ]

    def verify(self, asked):
        return [Judged(response, Verdict((), self.scores.get(response.text, 0.0))) for _, response in asked]

    def search(self, root=None, **settings):
        root = root or answer("root", 0.0)
        (found,) = search([QUERY], [root], self.refine, self.verify, SearchSettings(**settings))
        return found


def texts(answers):
    return [each.response.text for each in answers]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_root_that_passes_is_kept_and_nobody_is_asked(strategy):
    world, root = World(), answer("root", 1.0)
    found = world.search(root, strategy=strategy)
    assert found == [root]
    assert best(found) is root
    assert world.calls == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_first_that_passes_is_the_best_and_its_siblings_are_judged(strategy):
    world = World({"root.1": 1.0, "root.2": 1.0})
    found = world.search(strategy=strategy)
    assert texts(found) == ["root", "root.0", "root.1", "root.2"]
    assert best(found).response.text == "root.1"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_strategy_refines_more_answers_than_the_budget(strategy):
    world = World()
    found = world.search(strategy=strategy, refinements_per_node=3, beam=2, depth=3)
    assert len(world.asked) == 1 + 2 * 2
    assert len(found) == 1 + 3 * len(world.asked)


def test_breadth_first_refines_the_best_of_each_level():
    world = World({"root.0": 0.1, "root.1": 0.4, "root.2": 0.3, "root.1.2": 0.2, "root.2.0": 0.3})
    world.search(strategy="breadth_first")
    assert texts_of(world.asked) == ["root", "root.1", "root.2", "root.2.0", "root.1.2"]


def test_depth_first_refines_the_best_of_the_deepest_and_comes_back():
    world = World({"root.1": 0.4, "root.1.2": 0.2})
    world.search(strategy="depth_first")
    assert texts_of(world.asked) == ["root", "root.1", "root.1.2", "root.1.0", "root.1.1"]
    narrow = World({"root.1": 0.4}, count=2)
    narrow.search(strategy="depth_first", refinements_per_node=2)
    assert texts_of(narrow.asked) == ["root", "root.1", "root.1.0", "root.1.1", "root.0"]


def test_best_of_n_goes_on_where_the_last_draw_ended():
    world = World()
    world.search(strategy="best_of_n")
    assert world.asked == [("root", 3 * number) for number in range(5)]


def texts_of(asked):
    return [text for text, _ in asked]


def test_all_queries_take_a_step_together():
    queries = [Query(f"Say {number}.", ("a",), ()) for number in range(9)]
    world = World({"3.0": 1.0})
    roots = [answer(str(number), 0.0, query) for number, query in enumerate(queries)]
    trees = search(queries, roots, world.refine, world.verify, SearchSettings())
    assert world.calls == 3
    assert [len(tree) for tree in trees] == [16, 16, 16, 4, 16, 16, 16, 16, 16]
    assert all(each.response.query_id == query.id for query, tree in zip(queries, trees, strict=True) for each in tree)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_refinement_names_what_it_refines_and_has_its_own_number(strategy):
    found = World().search(answer("root", 0.0, index=4), strategy=strategy)
    ids = {each.response.id for each in found}
    assert len(ids) == len({each.response.index for each in found}) == len(found)
    assert found[0].response.parent_id is None
    by_id = {each.response.id: each.response.text for each in found}
    assert all(by_id[each.response.parent_id] == each.response.text.rpartition(".")[0] for each in found[1:])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_refiner_that_says_nothing_ends_the_search(strategy):
    assert texts(World(count=0).search(strategy=strategy)) == ["root"]


def test_a_refinement_that_was_cut_does_not_pass():
    world = World({"root.0": 1.0, "root.1": 0.4}, cut=(0,))
    assert best(world.search(depth=1)).response.text == "root.1"


def test_what_nobody_could_judge_is_worth_less_than_a_failure():
    assert value(answer("", None)) < value(answer("", 0.0))
    assert best([answer("unjudged", None), answer("failed", 0.0)]).response.text == "failed"
