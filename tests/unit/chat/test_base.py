"""How answers are drawn."""

from __future__ import annotations

from autoif_train.chat.server import PolicySamplingSettings


def test_another_number_of_answers_changes_nothing_else():
    settings = PolicySamplingSettings(8, 0.5, max_new_tokens=96)
    assert settings.drawing(3) == PolicySamplingSettings(3, 0.5, max_new_tokens=96)
    assert settings.drawing(1, temperature=0.0) == PolicySamplingSettings(1, 0.0, max_new_tokens=96)
