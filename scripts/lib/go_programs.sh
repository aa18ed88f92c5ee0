# Builds programs of public Go modules: the commands that the tool lines of a go.mod name, none of ours. Sourced, not run.
#
# A build script says what it builds and calls these, in the folder of its go.mod and go.sum:
#   go_programs_need WHO            whether a Go is there that go.mod is content with; words of WHO if not
#   go_program FOLDER NAME PACKAGE FLAGS
#                                   builds one into FOLDER, niced, pinned by go.sum
#   kept_folder KIND KEY BUILDER    prints the folder of KIND and KEY in the cache; BUILDER FOLDER fills it if it is new
#   go_module_version MODULE        as go.mod pins it
#
# The cache is XDG_CACHE_HOME, else ~/.cache; it is shared by all checkouts, and one at a time fills it.

go_parallel=2  # Compilers; the largest program's linker takes 1.7 GB.
kept_unused_days_max=30

go_programs_need() {
  local words
  # In this folder, so that go itself compares its version with go.mod's, and may fetch the one it is told to use.
  if ! command -v go >/dev/null; then
    words="there is no go in PATH"
  elif ! words=$(go list -mod=readonly -m 2>&1); then
    words="$(go version 2>&1): $words"
  else
    return 0
  fi
  echo "$1 needs Go $(sed -n 's/^go //p' go.mod) or newer: $words" >&2
  return 1
}

go_program() {
  nice -n 15 env CGO_ENABLED=0 go build -mod=readonly -trimpath -p "$go_parallel" -ldflags="$4" -o "$1/$2" "$3"
}

go_module_version() {
  awk -v module="$1" '$1 == module && NF > 1 { print $2; exit }' go.mod
}

# The flags that make a command of k8s.io/kubernetes know its version.
kubernetes_flags() {
  local version
  version=$(go_module_version k8s.io/kubernetes)
  echo "-s -w -X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1" \
    "-X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$version")"
}

kept_folder() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/pgsteer/$1 folder unfinished lock
  folder=$cache/$2
  if [[ ! -d $folder ]]; then
    mkdir -p "$cache"
    # Who comes second finds the work done.
    exec {lock}>"$cache/lock"
    flock "$lock"
    if [[ ! -d $folder ]]; then
      unfinished=$(mktemp -d "$cache/unfinished.XXXXXX")
      # shellcheck disable=SC2064  # This folder, whatever the name means later.
      trap "rm -rf '$unfinished'" EXIT
      "$3" "$unfinished" >&2 || return
      chmod 755 "$unfinished"
      mv "$unfinished" "$folder"
    fi
    find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +"$kept_unused_days_max" -exec rm -rf {} +
    exec {lock}>&-
  fi
  touch "$folder"
  echo "$folder"
}
