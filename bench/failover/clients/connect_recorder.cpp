// Loaded into a proxy by LD_PRELOAD: one line for each connect(2) to an IPv4 address, to see when it dials
// whom.
//
// {"at": seconds of CLOCK_MONOTONIC, "ip": ..., "port": ..., "caller": file name of the calling program or
// library} in the file that PGSTEER_BENCH_CONNECTS names. The caller tells a dial of libpq (a probe) from one
// of the proxy. A packet capture would see neither who dials nor, from a blackholed backend, what for.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

using connect_function = int (*)(int, const sockaddr*, socklen_t);

int record_file() {
  static const int fd = [] {
    const char* const path = std::getenv("PGSTEER_BENCH_CONNECTS");
    return path == nullptr ? -1 : ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }();
  return fd;
}

const char* file_name_of(const void* code) {
  Dl_info found{};
  if (::dladdr(code, &found) == 0 || found.dli_fname == nullptr) return "";
  const char* const slash = std::strrchr(found.dli_fname, '/');
  return slash == nullptr ? found.dli_fname : slash + 1;
}

void record(const sockaddr_in& address, const void* caller) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  char ip[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &address.sin_addr, ip, sizeof ip);
  char line[256];
  const int size = std::snprintf(line, sizeof line,
                                 "{\"at\": %lld.%06ld, \"ip\": \"%s\", \"port\": %u, \"caller\": \"%s\"}\n",
                                 static_cast<long long>(now.tv_sec), now.tv_nsec / 1000, ip,
                                 ntohs(address.sin_port), file_name_of(caller));
  if (size > 0) static_cast<void>(!::write(record_file(), line, static_cast<std::size_t>(size)));
}

}  // namespace

extern "C" int connect(int fd, const sockaddr* address, socklen_t size) {
  static const auto real = reinterpret_cast<connect_function>(::dlsym(RTLD_NEXT, "connect"));
  if (address != nullptr && address->sa_family == AF_INET && size >= sizeof(sockaddr_in) &&
      record_file() >= 0) {
    const int had = errno;
    sockaddr_in copy{};
    std::memcpy(&copy, address, sizeof copy);
    record(copy, __builtin_return_address(0));
    errno = had;
  }
  return real(fd, address, size);
}
