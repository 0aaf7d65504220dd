#!/usr/bin/env bash
# usage: overcommit.sh PROGRAM [ARGUMENT...]
# Runs the program while the kernel commits strictly (vm.overcommit_memory = 2), and restores the
# setting whatever happens. 77 where the setting cannot be changed.
set -euo pipefail

setting=/proc/sys/vm/overcommit_memory
if (($# == 0)); then
  echo "usage: overcommit.sh PROGRAM [ARGUMENT...]" >&2
  exit 2
fi
before=$(cat "$setting")
restore() { echo "$before" > "$setting"; }
if ! { echo "$before" > "$setting"; } 2> /dev/null; then
  echo "skipped: $setting cannot be written"
  exit 77
fi
trap restore EXIT
trap 'exit 130' INT TERM HUP
if ! { echo 2 > "$setting"; } 2> /dev/null; then
  echo "skipped: $setting refuses 2"
  exit 77
fi
timeout 60 "$@"
