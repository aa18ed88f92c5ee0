# Steps of a script: each is timed, all are listed at the end, and what failed is shown there. Sourced, not run.
#
# step NAME COMMAND...   runs it, remembers how it went; returns the command's exit code
# aside NAME COMMAND...  starts it beside the steps that follow
# join_asides            waits for each in the order of their starts, prints its output, remembers how it went
# left_out NAME REASON   for the list: a step that this run goes without
# steps_summary          shows the failures, then the list; its exit code is 1 if any step failed
#
# Tests that passed only when repeated (ctest --repeat) do not fail their step: the summary names them.

steps_folder=$(mktemp -d)
step_lines=()
steps_to_show=()
is_failed=0
retried_tests=()
aside_names=()  # of those that are not joined yet
declare -A aside_pids aside_starts
trap end_steps EXIT

end_steps() {
  local i pid
  # As by Ctrl-C, with everything that it has started, so that tests end what is theirs; who ignores that is killed.
  for pid in "${aside_pids[@]}"; do kill -INT -- "-$pid" 2>/dev/null; done
  for pid in "${aside_pids[@]}"; do
    for ((i = 0; i < 300; ++i)); do
      kill -0 -- "-$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -TERM -- "-$pid" 2>/dev/null
  done
  rm -rf "$steps_folder"
}

step() {
  local name=$1 started=$SECONDS status
  shift
  printf '\n=== %s\n' "$name"
  "$@" 2>&1 | tee "$(log_of "$name")"
  status=${PIPESTATUS[0]}
  remember "$name" $((SECONDS - started)) "$status"
}

log_of() {
  echo "$steps_folder/${1//[^a-zA-Z0-9]/_}"
}

remember() {
  local name=$1 took=$2 status=$3 test shows_step=0
  if [[ $status -eq 0 ]]; then
    step_lines+=("$(printf '%6d s  ok      %s' "$took" "$name")")
  else
    step_lines+=("$(printf '%6d s  FAILED  %s (exit code %d)' "$took" "$name" "$status")")
    is_failed=1
    shows_step=1
  fi
  while read -r test; do
    retried_tests+=("$test")
    shows_step=1
  done < <(has_python && python3 scripts/lib/failures.py retried "$(log_of "$name")")
  [[ $shows_step -eq 0 ]] || steps_to_show+=("$name")
  return "$status"
}

has_python() {
  command -v python3 >/dev/null
}

aside() {
  local name=$1
  shift
  aside_names+=("$name")
  aside_starts[$name]=$EPOCHSECONDS
  set -m  # a process group of its own
  "$@" >"$(log_of "$name")" 2>&1 &
  aside_pids[$name]=$!
  set +m
}

join_asides() {
  local name status log ended all=0
  for name in "${aside_names[@]}"; do
    log=$(log_of "$name")
    status=0
    wait "${aside_pids[$name]}" || status=$?
    unset "aside_pids[$name]"
    ended=$(stat -c %Y "$log")  # its last word, maybe long before
    printf '\n=== %s (ran beside the others)\n' "$name"
    cat "$log"
    remember "$name" $((ended - aside_starts[$name])) "$status" || all=1
  done
  aside_names=()
  return "$all"
}

left_out() {
  step_lines+=("$(printf '%6d s  LEFT OUT  %s (%s)' 0 "$1" "$2")")
}

steps_summary() {
  local name
  for name in "${steps_to_show[@]}"; do
    printf '\n=== what failed in: %s\n' "$name"
    if has_python; then
      python3 scripts/lib/failures.py failed "$(log_of "$name")"
    else
      tail -n 30 "$(log_of "$name")"
    fi
  done
  printf '\n=== summary\n'
  printf '%s\n' "${step_lines[@]}"
  printf '%6d s  in all\n' "$SECONDS"
  [[ ${#retried_tests[@]} -eq 0 ]] || printf 'passed only when repeated, a defect each: %s\n' "${retried_tests[@]}"
  return "$is_failed"
}
