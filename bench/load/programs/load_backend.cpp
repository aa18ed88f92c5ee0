// A backend that costs next to nothing: load_backend IP PORT, or 0 for any free port, which it prints.
//
// One thread, one epoll set, one buffer for all. Takes every login, answers as traffic.hpp says, and passes
// for a primary. Ends with its standard input, or by a signal.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "clients/record.hpp"
#include "programs/backend_session.hpp"

namespace pgsteer::bench {
namespace {

std::uint16_t port_of(int fd) {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) give_up("getsockname");
  return ntohs(bound.sin_port);
}

void accept_all(int listening, event_set& events) {
  for (;;) {
    net::unique_fd accepted(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!accepted.is_open()) {
      if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) give_up("accept4");
      return;
    }
    set_no_delay(accepted.value());
    auto* const made = new backend_session(std::move(accepted), events);  // Deletes itself.
    made->watch();
  }
}

[[noreturn]] void serve(const std::string& ip, std::uint16_t port) {
  event_set events;
  const net::unique_fd listening = listen_on(ip, port);
  json_line().add_count("port", port_of(listening.value())).print();
  int listener_mark = 0;
  int input_mark = 0;
  events.add(listening.value(), &listener_mark, EPOLLIN);
  events.add(STDIN_FILENO, &input_mark, EPOLLIN);
  for (;;) {
    for (const epoll_event& event : events.wait(-1)) {
      if (event.data.ptr == &listener_mark) {
        accept_all(listening.value(), events);
      } else if (event.data.ptr == &input_mark) {
        std::exit(0);
      } else if (auto* const one = static_cast<backend_session*>(event.data.ptr);
                 !one->on_event(event.events)) {
        delete one;
      }
    }
  }
}

}  // namespace
}  // namespace pgsteer::bench

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  pgsteer::bench::serve(argv[1], static_cast<std::uint16_t>(std::stoul(argv[2])));
}
