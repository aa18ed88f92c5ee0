# Steps of a script: each is timed, all are listed at the end. Sourced, not run.
#
# step NAME COMMAND...   runs it, remembers how it went; returns the command's exit code
# aside NAME COMMAND...  starts it beside the steps that follow; at most one at a time
# join_aside             waits for it, prints its output, remembers how it went
# skip NAME REASON       remembers that it was left out
# steps_summary          prints the list; its exit code is 1 if any step failed

step_lines=()
steps_failed=0

step() {
  local name=$1 started=$SECONDS status=0
  shift
  printf '\n=== %s\n' "$name"
  "$@" || status=$?
  remember "$name" $((SECONDS - started)) "$status"
}

remember() {
  local name=$1 took=$2 status=$3
  if [[ $status -eq 0 ]]; then
    step_lines+=("$(printf '%6d s  ok      %s' "$took" "$name")")
  else
    step_lines+=("$(printf '%6d s  FAILED  %s (exit code %d)' "$took" "$name" "$status")")
    steps_failed=1
  fi
  return "$status"
}

aside() {
  aside_name=$1
  aside_started=$EPOCHSECONDS
  aside_output=$(mktemp)
  shift
  "$@" >"$aside_output" 2>&1 &
  aside_pid=$!
  trap 'kill "$aside_pid" 2>/dev/null; rm -f "$aside_output"' EXIT
}

join_aside() {
  local status=0 ended
  wait "$aside_pid" || status=$?
  ended=$(stat -c %Y "$aside_output")  # its last word, maybe long before
  trap - EXIT
  printf '\n=== %s (ran beside the others)\n' "$aside_name"
  cat "$aside_output"
  rm -f "$aside_output"
  remember "$aside_name, beside the others" $((ended - aside_started)) "$status"
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
