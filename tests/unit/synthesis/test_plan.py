"""The supervisor's calls counted before anybody is asked."""

from __future__ import annotations

from autoif_train.config import resolve
from autoif_train.synthesis.plan import planned_calls


def planned(**overrides):
    settings = resolve(model="qwen2-7b", **overrides)
    names = ("synthesis", "agreement", "sharpening", "back_translation", "sampling", "quality", "online_dpo")
    sections = [getattr(settings, name) for name in names]
    return {calls.step: calls for calls in planned_calls(*sections, surviving=0.5, passing=0.25)}


def test_calls_by_hand(tmp_path):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("# two\nUse no commas.\n\nUse five words.\n")
    calls = planned(
        **{
            "synthesis.seeds": seeds,
            "synthesis.instruction_calls": 10,
            "synthesis.pilot_responses": 4,
            "agreement.arbitrations": 16,
            "sharpening.arbitrations": 8,
            "online_dpo.rounds": 3,
            "online_dpo.queries_per_round": 0.5,
            "online_dpo.resample_budget": 0.5,
        }
    )
    assert calls["self_instruct"].answers == 10
    assert calls["functions"].answers == (2 + 10 * 100) * 8
    assert calls["arbitration"].answers == 1002 * (16 + 8)
    assert calls["back_translation"].answers == 501 * 3
    assert calls["pilot"].answers == 501 * 4
    assert calls["responses"].answers == 501 * 16 * 8
    assert calls["quality"].answers == 501 * 16 * 8 // 4
    assert calls["online quality"].answers == 3 * (501 * 16 // 2 * 8 * 3 // 2 // 4)


def test_the_bundled_seeds_are_counted():
    assert planned(**{"synthesis.instruction_calls": 0})["functions"].answers == 37 * 8


def test_limits_of_the_settings_hold():
    calls = planned(**{"synthesis.max_instructions": 100, "synthesis.max_answered_queries": 50})
    assert calls["functions"].answers == 800
    assert calls["responses"].answers == 400


def test_what_is_switched_off_costs_nothing():
    calls = planned(**{"back_translation.kind": "none", "quality.enabled": "false"})
    assert [calls[step].answers for step in ("back_translation", "quality", "online quality")] == [0, 0, 0]
