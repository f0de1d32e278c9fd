#!/usr/bin/env bash
# Cancel jobs: cancel.sh ID..., or without ids all that a killed snakemake left in the queue.
set -o pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=profiles/generic/queue.sh
. "$here/queue.sh"

if (($# == 0)); then
  mapfile -t ids < <(cd "$jobs" 2> /dev/null && find . -type f -empty -printf '%f\n')
  ((${#ids[@]} == 0)) || exec "$BASH" "${BASH_SOURCE[0]}" "${ids[@]}"
  exit 0
fi
for id; do rm -f "$jobs/$id"; done
# Snakemake kills this script after two seconds, and a busy queue takes longer.
setsid bash -c '. "$1/queue.sh"; "${system}_cancel" "${@:2}"' cancel "$here" "$@" &
wait
