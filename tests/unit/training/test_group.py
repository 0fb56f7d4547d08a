"""The reward as TRL's group trainers call it."""

from __future__ import annotations

from autoif_train.training.group import as_reward_function

ENDS = frozenset({2, 3})


def called(ids):
    seen, logged = [], {}

    def reward(*arguments):
        seen.extend(arguments)
        return [0.5] * len(ids), {"gate/shut": 0.25}

    completions = [[{"role": "assistant", "content": f"text {place}"}] for place, _ in enumerate(ids)]
    paid = as_reward_function(reward, ENDS)(
        prompts=["ignored"] * len(ids),
        completions=completions,
        completion_ids=ids,
        query_id=[f"id {place}" for place, _ in enumerate(ids)],
        log_metric=logged.__setitem__,
        trainer_state=None,
    )
    return paid, seen, logged


def test_the_reward_sees_ids_texts_and_whether_each_ended():
    paid, seen, _ = called([[5, 2], [5, 7], [], [3]])
    assert seen == [
        [f"id {place}" for place in range(4)],
        [f"text {place}" for place in range(4)],
        [True, False, False, True],
    ]
    assert paid == [0.5] * 4


def test_the_figures_are_logged():
    assert called([[2]])[2] == {"gate/shut": 0.25}
