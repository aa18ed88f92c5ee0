# Steps of a script: each is timed, all are listed at the end. Sourced, not run.
#
# step NAME COMMAND...   runs it, remembers how it went; returns the command's exit code
# skip NAME REASON       remembers that it was left out
# steps_summary          prints the list; its exit code is 1 if any step failed

step_lines=()
steps_failed=0

step() {
  local name=$1 started=$SECONDS status=0
  shift
  printf '\n=== %s\n' "$name"
  "$@" || status=$?
  local took=$((SECONDS - started))
  if [[ $status -eq 0 ]]; then
    step_lines+=("$(printf '%6d s  ok      %s' "$took" "$name")")
  else
    step_lines+=("$(printf '%6d s  FAILED  %s (exit code %d)' "$took" "$name" "$status")")
    steps_failed=1
  fi
  return "$status"
}

skip() {
  step_lines+=("$(printf '     - s  skipped %s: %s' "$1" "$2")")
}

steps_summary() {
  printf '\n=== summary\n'
  printf '%s\n' "${step_lines[@]}"
  printf '%6d s  in all\n' "$SECONDS"
  return "$steps_failed"
}
