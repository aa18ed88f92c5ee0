#pragma once
// Sockets that systemd has opened for this process: sd_listen_fds(3), which takes no library.
//
// Opens nothing. Called once, before threads start.
//
// Flow: add_activated(): activated(environment, getpid()) -> problems are told, sockets are taken by those
// who listen.
#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/net/inherited_sockets.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/runtime/options.hpp"

namespace pgsteer::server {

struct activated_socket {
  std::string name;   // FileDescriptorName=; the listener's
  endpoint address;   // where it listens
  net::unique_fd fd;  // a listening stream socket; as the manager left it, but closed in children
};

struct activation {
  std::vector<activated_socket> sockets;
  std::vector<std::string> problems;  // the operator's, a sentence each, about what is closed again
};

// The variables of these names; null: not set.
struct activation_environment {
  const char* listen_pid;
  const char* listen_fds;
  const char* listen_fdnames;
};
[[nodiscard]] activation_environment activation_variables() noexcept;

// Of a process that is not meant (listen_pid) it is empty. first: the lowest of the descriptors, which follow
// each other.
inline constexpr int first_activated = 3;  // SD_LISTEN_FDS_START
// A listener has one; a mistyped number is no reason to try them all.
inline constexpr int activated_max = 256;
[[nodiscard]] activation activated(const activation_environment& variables, pid_t self,
                                   int first = first_activated);

// Those of this process that are for these listeners, by their names; behind those that are there already,
// so that what another process has handed over comes first. The log has what is wrong with them: nothing of
// that keeps pgsteer from starting.
void add_activated(std::span<const runtime::listener_options> listeners, net::inherited_sockets& to);

}  // namespace pgsteer::server
