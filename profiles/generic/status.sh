#!/usr/bin/env bash
# Say of a job whether it is running (or waits), success or failed: status.sh ID
set -o pipefail
# shellcheck source=profiles/generic/queue.sh
. "$(dirname "${BASH_SOURCE[0]}")/queue.sh"
record=$jobs/$1

ended() {
  rm -f "$record" "$record.gone" "$record.sh"
  echo "$1"
  exit
}

if [[ -s $record ]]; then
  [[ $(<"$record") == 0 ]] && ended success
  ended failed
fi
if "${system}_lists" "$1"; then
  rm -f "$record.gone"
  echo running
  exit
fi
# Gone without a word: killed, or its word has not come across the network yet.
[[ -s $record.gone ]] || date +%s > "$record.gone"
if (($(date +%s) - $(<"$record.gone") < grace)); then
  echo running
  exit
fi
# One that hangs in an error state leaves the queue.
"${system}_cancel" "$1" &> /dev/null
ended failed
