#!/usr/bin/env bash
# Submit a job and print its id: submit.sh NAME THREADS MEM_MB MINUTES GPUS SCRIPT
set -eo pipefail
# shellcheck source=profiles/generic/queue.sh
. "$(dirname "${BASH_SOURCE[0]}")/queue.sh"
# shellcheck disable=SC2034
name=polyprune-$1 threads=$2 mem_mb=$3 minutes=$4 gpus=$5 script=$6

# The job itself leaves its exit code: what a queue knows of jobs that ended differs from site to site.
leaving_its_code() {
  printf '#!/bin/bash\ncd %q || exit\n' "$PWD"
  printf 'id=${PBS_JOBID:-${LSB_JOBID:-$JOB_ID}} record=%q\n' "$jobs"
  printf 'exec > %q-"$id".log 2>&1\n(\n' "$logs/$1"
  cat "$script"
  printf '\n)\ncode=$?\necho "$code" > "$record/$id.new" && mv "$record/$id.new" "$record/$id"\nexit "$code"\n'
}

mkdir -p "$jobs" "$logs"
id=$(leaving_its_code "$1" | "${system}_submit")
[[ -n $id ]] || { echo "$system gave no id for $name." >&2; exit 1; }
# Appended to, for a quick job has written its code by now.
: >> "$jobs/$id"
echo "$id"
