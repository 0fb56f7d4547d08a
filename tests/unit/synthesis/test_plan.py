"""The supervisor's calls counted before anybody is asked."""

from __future__ import annotations

from autoif_train.config import resolve
from autoif_train.synthesis.plan import planned_calls


def planned(**overrides):
    settings = resolve(model="qwen2-7b", **overrides)
    sections = (settings.synthesis, settings.back_translation, settings.sampling, settings.quality)
    return {calls.step: calls for calls in planned_calls(*sections, surviving=0.5, passing=0.25)}


def test_calls_by_hand():
    calls = planned(**{"synthesis.instruction_calls": 10})
    assert calls["self_instruct"].answers == 10
    assert calls["functions"].answers == (36 + 10 * 100) * 8
    assert calls["back_translation"].answers == 518 * 3
    assert calls["responses"].answers == 518 * 16 * 8
    assert calls["quality"].answers == 518 * 16 * 8 // 4


def test_limits_of_the_settings_hold():
    calls = planned(**{"synthesis.max_instructions": 100, "synthesis.max_answered_queries": 50})
    assert calls["functions"].answers == 800
    assert calls["responses"].answers == 400


def test_what_is_switched_off_costs_nothing():
    calls = planned(**{"back_translation.kind": "none", "quality.enabled": "false"})
    assert (calls["back_translation"].answers, calls["quality"].answers) == (0, 0)
