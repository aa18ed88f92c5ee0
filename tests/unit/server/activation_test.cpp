// Which descriptors of a service manager's are listeners' sockets, and what is said of the others.
#include "server/activation.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace pgsteer::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr pid_t own_pid = 4711;
// Above all that a test opens.
constexpr int first_number = 800;

class Activated : public ::testing::Test {
 protected:
  ~Activated() override {
    for (int number = first_number; number < first_number + count_; ++number) ::close(number);
  }

  // As the next descriptor of those that follow each other.
  void pass(int fd) {
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::dup2(fd, first_number + count_), first_number + count_);
    ++count_;
    ::close(fd);
  }
  // Where it listens, on loopback; 0: it does not.
  std::uint16_t pass_tcp(int family, bool listens) {
    const int fd = ::socket(family, SOCK_STREAM, 0);
    sockaddr_in6 address{};
    auto size = static_cast<socklen_t>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (family == AF_INET) {
      sockaddr_in ipv4{};
      ipv4.sin_family = AF_INET;
      ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&ipv4), size), 0);
    } else {
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_loopback;
      if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) return 0;
    }
    if (listens && ::listen(fd, 1) != 0) return 0;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    pass(fd);
    return listens ? ntohs(address.sin6_port) : std::uint16_t{0};
  }
  activation take(const char* names, const char* fds, const char* pid = "4711") {
    return activated({.listen_pid = pid, .listen_fds = fds, .listen_fdnames = names}, own_pid, first_number);
  }

  int count_ = 0;
};

TEST_F(Activated, AreTheListeningSocketsByTheirNames) {
  const std::uint16_t rw = pass_tcp(AF_INET, true);
  const std::uint16_t ro = pass_tcp(AF_INET, true);
  const activation found = take("rw:ro", "2");
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.sockets.size(), 2U);
  EXPECT_EQ(found.sockets[0].name, "rw");
  EXPECT_EQ(found.sockets[0].fd.value(), first_number);
  EXPECT_EQ(to_string(found.sockets[0].address), "127.0.0.1:" + std::to_string(rw));
  EXPECT_EQ(found.sockets[1].name, "ro");
  EXPECT_EQ(to_string(found.sockets[1].address), "127.0.0.1:" + std::to_string(ro));
  EXPECT_EQ(::fcntl(first_number, F_GETFD), FD_CLOEXEC);
}

TEST_F(Activated, MayBeOfIpv6) {
  const std::uint16_t port = pass_tcp(AF_INET6, true);
  if (port == 0) GTEST_SKIP() << "this host has no IPv6";
  const activation found = take("rw", "1");
  ASSERT_EQ(found.sockets.size(), 1U);
  EXPECT_EQ(to_string(found.sockets[0].address), "[::1]:" + std::to_string(port));
}

TEST_F(Activated, MayBeUnixSockets) {
  sockaddr_un address{AF_UNIX, {}};
  const std::string path = "/tmp/.s.PGSQL." + std::to_string(::getpid());
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::unlink(path.c_str());
  ASSERT_EQ(::listen(fd, 1), 0);
  pass(fd);
  const activation found = take("rw", "1");
  ASSERT_EQ(found.sockets.size(), 1U);
  EXPECT_EQ(found.sockets[0].address.host.substr(0, 4), "/tmp");
}

// A child of the service inherits the variables, not the sockets.
TEST_F(Activated, AreAnotherProcessesIfThePidIsAnother) {
  pass_tcp(AF_INET, true);
  for (const char* pid : {"4712", "", "4711x", static_cast<const char*>(nullptr)}) {
    const activation found = take("rw", "1", pid);
    EXPECT_THAT(found.sockets, IsEmpty());
    EXPECT_THAT(found.problems, IsEmpty());
  }
  EXPECT_EQ(::fcntl(first_number, F_GETFD), 0) << "they are not touched";
}

TEST_F(Activated, AreNoneWithoutTheVariables) {
  const activation found = take(nullptr, nullptr);
  EXPECT_THAT(found.sockets, IsEmpty());
  EXPECT_THAT(found.problems, IsEmpty());
  EXPECT_THAT(take("", "0").problems, IsEmpty());
}

TEST_F(Activated, AreNoneOfACountThatIsNone) {
  for (const char* fds : {"", "-1", "two", "1x", "257", "99999999999"}) {
    SCOPED_TRACE(fds);
    const activation found = take("rw", fds);
    EXPECT_THAT(found.sockets, IsEmpty());
    EXPECT_THAT(found.problems, ElementsAre(std::string("LISTEN_FDS is no number up to 256: ") + fds));
  }
}

// Its clients would wait for ever in a queue that nobody reads: it is closed here, and told.
TEST_F(Activated, AreToldOfIfTheyHaveNoName) {
  for (const char* names : {static_cast<const char*>(nullptr), "", "unknown", ":rw"}) {
    pass_tcp(AF_INET, true);
    const activation found = take(names, "1");
    EXPECT_THAT(found.sockets, IsEmpty());
    EXPECT_THAT(found.problems, ElementsAre(HasSubstr("has no name: FileDescriptorName= says which")));
    EXPECT_EQ(::fcntl(first_number, F_GETFD), -1);
    count_ = 0;
  }
}

TEST_F(Activated, AreToldOfIfTwoHaveOneName) {
  pass_tcp(AF_INET, true);
  const std::uint16_t second = pass_tcp(AF_INET, true);
  const activation found = take("rw:rw", "2");
  ASSERT_EQ(found.sockets.size(), 1U);
  EXPECT_THAT(found.problems,
              ElementsAre("descriptor 801 of LISTEN_FDS (127.0.0.1:" + std::to_string(second) +
                          ") is a second one called rw, and a listener has one"));
}

TEST_F(Activated, AreNothingElse) {
  pass_tcp(AF_INET, false);
  pass(::socket(AF_INET, SOCK_DGRAM, 0));
  const int local = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::listen(local, 1), -1) << "it has no name";
  pass(local);
  pass(::open("/dev/null", O_RDONLY));
  pass_tcp(AF_INET, true);
  const activation found = take("a:b:c:d:rw", "6");
  ASSERT_EQ(found.sockets.size(), 1U);
  EXPECT_EQ(found.sockets[0].name, "rw");
  EXPECT_EQ(found.sockets[0].fd.value(), first_number + 4);
  EXPECT_THAT(found.problems, ElementsAre("descriptor 800 of LISTEN_FDS (a) is no listening stream socket",
                                          "descriptor 801 of LISTEN_FDS (b) is no listening stream socket",
                                          "descriptor 802 of LISTEN_FDS (c) is no listening stream socket",
                                          "descriptor 803 of LISTEN_FDS (d) is no listening stream socket",
                                          "descriptor 805 of LISTEN_FDS is not open"));
}

}  // namespace
}  // namespace pgsteer::server
