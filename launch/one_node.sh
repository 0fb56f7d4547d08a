#!/usr/bin/env bash
# Every stage for a 7B or 8B model on one node of 8 GPUs with 80 GB under ZeRO-3 (paper App. B).
# A supervisor must be reachable as an OpenAI-compatible server, e.g. `vllm serve Qwen/Qwen2-72B-Instruct` on another
# node. Expect differences like Table 1's, never its absolute numbers: docs/method.md says why.
# Usage: launch/one_node.sh MODEL SUPERVISOR_URL [flags of the recipes …]
set -euo pipefail
cd "$(dirname "$0")/.."
model=${1:?name a model: qwen2-7b, llama3-8b, a hub id or a path}
supervisor=${2:?name the supervisor, e.g. http://localhost:8000/v1}
shift 2
flags=(--model "$model" --supervisor.base_url "$supervisor" "$@")
python recipes/generate_data.py "${flags[@]}"
for recipe in sft offline_dpo online_dpo; do
  accelerate launch --config_file deepspeed_configs/zero3.yaml "recipes/$recipe.py" "${flags[@]}"
done
python recipes/evaluate.py "${flags[@]}"
