#!/usr/bin/env bash
# The whole loop on the embedded tiny model: about two minutes of CPU time, no GPU and no hub.
# Expect: held-out pass rates that rise from base over SFT to online DPO, and runs/quickstart/report.html.
set -euo pipefail
cd "$(dirname "$0")/.."
make quickstart
