// What a service manager is told, and that nobody waits for it. Its socket is an abstract one, or a file.
#include "server/service_manager.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

namespace pgsteer::server {
namespace {

constexpr time_point at_start{seconds{100}};

// What systemd would read.
class manager_socket {
 public:
  explicit manager_socket(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, name.size());
    const bool is_abstract = name.front() == '@';
    if (is_abstract) address.sun_path[0] = '\0';
    fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
    is_bound_ = ::bind(fd_.value(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
  }
  bool is_bound() const { return is_bound_; }

  // Nothing: there is none.
  std::string next() {
    std::array<char, 512> buffer{};
    const auto read = ::recv(fd_.value(), buffer.data(), buffer.size(), 0);
    return read < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(read));
  }
  std::vector<std::string> all() {
    std::vector<std::string> read;
    for (std::string each = next(); !each.empty(); each = next()) read.push_back(each);
    return read;
  }

 private:
  net::unique_fd fd_;
  bool is_bound_ = false;
};

using texts = std::vector<std::string>;

class ServiceManager : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(socket_.is_bound()); }

  // Each of its messages gives those that wait their chance.
  texts all_in_time() {
    texts told;
    for (texts some = socket_.all(); !some.empty(); some = socket_.all()) {
      told.insert(told.end(), some.begin(), some.end());
      manager_.deliver();
    }
    return told;
  }

  static constexpr std::size_t more_than_fit = 10'000;
  const std::string name_ = "@pgsteer-service-manager-test-" + std::to_string(getpid());
  manager_socket socket_{name_};
  service_manager manager_{name_.c_str()};
  service_status status_{.primary = "10.0.0.2:5432", .sessions = 12};
};

TEST_F(ServiceManager, IsToldOfAWholeLife) {
  manager_.ready();
  manager_.reloading(at_start + microseconds{7});
  manager_.reloaded();
  manager_.stopping(seconds{30});
  EXPECT_EQ(socket_.all(), (texts{"READY=1", "RELOADING=1\nMONOTONIC_USEC=100000007", "READY=1",
                                  "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000"}));
}

TEST_F(ServiceManager, IsReadyAgainAfterTheLastOfTwoReloads) {
  manager_.reloading(at_start);
  manager_.reloading(at_start + seconds{1});
  socket_.all();
  manager_.reloaded();
  EXPECT_EQ(socket_.all(), texts{});
  manager_.reloaded();
  EXPECT_EQ(socket_.all(), texts{"READY=1"});
}

TEST_F(ServiceManager, HearsOfNothingButTheEndOnceItIsNear) {
  manager_.reloading(at_start);
  manager_.stopping(seconds{30});
  socket_.all();
  manager_.reloaded();
  manager_.reloading(at_start);
  manager_.reloaded();
  manager_.stopping(seconds{30});
  EXPECT_EQ(socket_.all(), texts{});
}

TEST_F(ServiceManager, IsShownWhatIsNew) {
  manager_.show(status_, at_start);
  manager_.show(status_, at_start + service_manager::count_interval);
  EXPECT_EQ(socket_.all(), texts{"STATUS=primary 10.0.0.2:5432, 12 sessions"});
  status_.takes_new_logins = false;
  manager_.show(status_, at_start);
  status_.primary.clear();
  manager_.show(status_, at_start);
  status_.is_draining = true;
  manager_.show(status_, at_start);
  EXPECT_EQ(socket_.all(), (texts{"STATUS=primary 10.0.0.2:5432, which takes no new logins, 12 sessions",
                                  "STATUS=no primary, 12 sessions", "STATUS=draining, 12 sessions left"}));
}

// A thousand logins a second are no thousand texts.
TEST_F(ServiceManager, IsShownTheNumberOfSessionsNowAndThen) {
  manager_.show(status_, at_start);
  socket_.all();
  status_.sessions = 1;
  manager_.show(status_, at_start + service_manager::count_interval - milliseconds{1});
  EXPECT_EQ(socket_.all(), texts{});
  manager_.show(status_, at_start + service_manager::count_interval);
  EXPECT_EQ(socket_.all(), texts{"STATUS=primary 10.0.0.2:5432, 1 session"});
}

TEST_F(ServiceManager, GetsOneMessageOutOfANameWithALineBreak) {
  status_.primary = "a\nMAINPID=1";
  manager_.show(status_, at_start);
  EXPECT_EQ(socket_.all(), texts{"STATUS=primary a MAINPID=1, 12 sessions"});
}

TEST_F(ServiceManager, IsToldOfAnotherMainProcess) {
  manager_.tell(main_pid(4711));
  EXPECT_EQ(socket_.all(), texts{"MAINPID=4711"});
}

// systemd that stands still: nobody waits, and what it did not take comes later, in order. The kernel keeps
// some (net.unix.max_dgram_qlen), the rest is here.
TEST_F(ServiceManager, IsToldLaterIfItDoesNotRead) {
  for (std::size_t i = 0; i < more_than_fit; ++i) manager_.tell("A=" + std::to_string(i));
  const texts told = all_in_time();
  ASSERT_GT(told.size(), service_manager::waiting_max);
  ASSERT_LT(told.size(), more_than_fit) << "what is lost is the end of it";
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], "A=" + std::to_string(i));
  manager_.ready();
  EXPECT_EQ(socket_.all(), texts{"READY=1"});
}

TEST_F(ServiceManager, IsShownOnlyTheLastOfWhatItDidNotRead) {
  manager_.ready();
  for (std::size_t i = 0; i < more_than_fit; ++i) {
    status_.primary = std::to_string(i);
    manager_.show(status_, at_start);
  }
  manager_.stopping({});
  const texts told = all_in_time();
  ASSERT_GT(told.size(), 2U);
  EXPECT_LT(told.size(), more_than_fit);
  EXPECT_EQ(told.front(), "READY=1");
  EXPECT_EQ(told[told.size() - 2], "STATUS=primary " + status_.primary + ", 12 sessions");
  EXPECT_EQ(told.back(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000");
}

TEST(ServiceManagerSocket, MayBeAFileThatComesLater) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("pgsteer_notify_test_" + std::to_string(getpid()));
  service_manager manager(path.c_str());
  manager.ready();
  manager_socket socket(path);
  ASSERT_TRUE(socket.is_bound());
  manager.ready();
  EXPECT_EQ(socket.all(), texts{"READY=1"}) << "the first one had no reader";
  std::filesystem::remove(path);
}

TEST(ServiceManagerSocket, MayBeMissingOrUnusable) {
  for (const std::string& each : {std::string(), std::string("notify"), std::string("vsock:2:1"),
                                  std::string("@"), "/" + std::string(sizeof sockaddr_un::sun_path, 'x')}) {
    SCOPED_TRACE(each);
    service_manager manager(each.c_str());
    manager.ready();
    manager.show({}, at_start);
    manager.stopping({});
  }
  service_manager nobody(nullptr);
  nobody.ready();
}

}  // namespace
}  // namespace pgsteer::server
