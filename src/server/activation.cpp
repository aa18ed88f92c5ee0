#include "server/activation.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "pgsteer/base/log.hpp"
#include "pgsteer/net/address.hpp"

namespace pgsteer::server {
namespace {

// What LISTEN_FDNAMES calls one without a name: sd_listen_fds_with_names() in
// src/libsystemd/sd-daemon/sd-daemon.c.
constexpr std::string_view nameless = "unknown";

std::optional<int> number_in(const char* text) noexcept {
  const std::string_view digits = text == nullptr ? "" : text;
  int number = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || ec != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::vector<std::string> names_in(const char* text) {
  std::vector<std::string> names;
  if (text == nullptr) return names;
  std::string_view rest = text;
  for (;;) {
    const auto colon = rest.find(':');
    names.emplace_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) return names;
    rest.remove_prefix(colon + 1);
  }
}

int option_of(int fd, int name) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// Nothing: it is no listening stream socket of TCP or of this host.
std::optional<endpoint> listens_at(int fd) {
  const int family = option_of(fd, SO_DOMAIN);
  const bool is_tcp = (family == AF_INET || family == AF_INET6) && option_of(fd, SO_PROTOCOL) == IPPROTO_TCP;
  const bool is_unix = family == AF_UNIX && option_of(fd, SO_TYPE) == SOCK_STREAM;
  if ((!is_tcp && !is_unix) || option_of(fd, SO_ACCEPTCONN) != 1) return std::nullopt;
  const auto address = net::local_address(fd);
  return address ? std::optional(net::to_endpoint(*address)) : std::nullopt;
}

}  // namespace

activation_environment activation_variables() noexcept {
  return {std::getenv("LISTEN_PID"), std::getenv("LISTEN_FDS"), std::getenv("LISTEN_FDNAMES")};
}

activation activated(const activation_environment& variables, pid_t self, int first) {
  activation found;
  if (number_in(variables.listen_pid) != self || variables.listen_fds == nullptr) return found;
  const auto count = number_in(variables.listen_fds);
  if (!count || *count < 0 || *count > activated_max) {
    found.problems.push_back("LISTEN_FDS is no number up to " + std::to_string(activated_max) + ": " +
                             variables.listen_fds);
    return found;
  }
  const std::vector<std::string> names = names_in(variables.listen_fdnames);
  for (int i = 0; i < *count; ++i) {
    const int number = first + i;
    const std::string which = "descriptor " + std::to_string(number) + " of LISTEN_FDS ";
    if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) {
      found.problems.push_back(which + "is not open");
      continue;
    }
    net::unique_fd fd(number);
    const auto place = static_cast<std::size_t>(i);
    const std::string name = place < names.size() ? names[place] : std::string(nameless);
    const auto address = listens_at(number);
    if (!address) {
      found.problems.push_back(which + "(" + name + ") is no listening stream socket");
    } else if (name.empty() || name == nameless) {
      found.problems.push_back(which + "(" + to_string(*address) +
                               ") has no name: FileDescriptorName= says which listener it is for");
    } else if (std::ranges::find(found.sockets, name, &activated_socket::name) != found.sockets.end()) {
      found.problems.push_back(which + "(" + to_string(*address) + ") is a second one called " + name +
                               ", and a listener has one");
    } else {
      found.sockets.push_back({name, *address, std::move(fd)});
    }
  }
  return found;
}

void add_activated(std::span<const runtime::listener_options> listeners, net::inherited_sockets& to) {
  activation found = activated(activation_variables(), ::getpid());
  for (activated_socket& each : found.sockets) {
    const std::string address = to_string(each.address);
    const auto meant = std::ranges::find(listeners, each.name, &runtime::listener_options::name);
    if (meant == listeners.end()) {
      found.problems.push_back("no listener is called " + each.name + ", as the one at " + address + " is");
      continue;
    }
    if (const std::string bind = to_string(meant->bind); bind != address)
      found.problems.push_back("listener " + each.name + " is at " + address + ", and not at " + bind +
                               " as configured");
    to.add({.name = each.name, .bind = {}, .fd = std::move(each.fd), .is_kept_open = true});
  }
  for (const std::string& problem : found.problems)
    log(log_level::warning, "a socket of the service manager", {{"problem", std::string_view(problem)}});
}

}  // namespace pgsteer::server
