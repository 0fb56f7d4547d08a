#!/usr/bin/env bash
# One machine's share of a training over several: run it on every machine, each with its own rank, the first being 0.
# Eight machines of 8 GPUs under ZeRO-3 unless CONFIG and PROCESSES_PER_MACHINE say otherwise (paper App. B: 64 GPUs for
# 70B models). The run folder must lie where every machine sees it. Data come first, from recipes/generate_data.py.
# Usage: launch/multi_node.sh RANK MACHINES ADDRESS_OF_THE_FIRST RECIPE [flags of the recipe …]
set -euo pipefail
cd "$(dirname "$0")/.."
rank=${1:?name the rank of this machine, 0 to MACHINES - 1}
machines=${2:?name the number of machines}
first=${3:?name the address of the machine of rank 0}
recipe=${4:?name a recipe: sft, offline_dpo or online_dpo}
shift 4
processes=$((machines * ${PROCESSES_PER_MACHINE:-8}))
exec launch/forward_signals.sh accelerate launch --config_file "${CONFIG:-deepspeed_configs/zero3_multi_node.yaml}" \
  --num_machines "$machines" --num_processes "$processes" --machine_rank "$rank" \
  --main_process_ip "$first" --main_process_port "${PORT:-29500}" "recipes/$recipe.py" "$@"
