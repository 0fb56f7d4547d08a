#!/usr/bin/env bash
# What one GPU makes of SFT and DPO steps of a random 0.5B Qwen2 in bfloat16: tokens/s, utilisation, peak memory, sdpa
# against FlashAttention-2 where it is installed, ZeRO-3 where DeepSpeed is, sampling speed. Aims at 8 minutes on one
# GPU; `--size tiny` dry-runs it on a CPU. Not tried on a GPU yet.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHONPATH=. exec python benchmarks/gpu_check.py "$@"
