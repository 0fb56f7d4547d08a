#!/usr/bin/env bash
# Runs a launcher so that SIGUSR1 and SIGTERM reach its workers, which save a checkpoint and stop. Without it SIGUSR1
# kills the launcher, and on SIGTERM the launcher gives its workers 30 seconds only.
# Usage: launch/forward_signals.sh accelerate launch …
set -uo pipefail
(trap '' USR1 TERM; exec "$@") &
launcher=$!
trap 'pkill -USR1 -P "$launcher"' USR1
trap 'pkill -TERM -P "$launcher"' TERM
# A trapped signal ends `wait` before the launcher has ended.
while kill -0 "$launcher" 2>/dev/null; do wait "$launcher"; done
wait "$launcher"
