// That a run of this suite tests the engine that it was started for, and what pgsteer does where the kernel
// denies the fast ways.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "support/another_user.hpp"
#include "support/byte_pattern.hpp"
#include "support/data_plane.hpp"
#include "support/denied_calls.hpp"
#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

class preparation final : public testing::Environment {
 public:
  void SetUp() override { prepare_data_plane(); }
};
const auto* const registered = testing::AddGlobalTestEnvironment(new preparation);

TEST(DataPlane, IsTheOneThatThisRunIsFor) {
  if (tested_data_plane() == data_plane::by_default) GTEST_SKIP() << "PGSTEER_TEST_ENGINE is not set";
  fake_cluster cluster(0);
  const std::size_t before = open_rings();
  test_proxy proxy(cluster.endpoints(), [](config::config& options) { options.workers = 3; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  EXPECT_EQ(open_rings() - before, tested_data_plane() == data_plane::io_uring ? 3U : 0U);
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
}

// How much memory an unprivileged user may lock; as before when it is destroyed.
class locked_memory_limit {
 public:
  explicit locked_memory_limit(rlim_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_MEMLOCK, &before_), 0);
    const rlimit lower{bytes, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_MEMLOCK, &lower), 0);
  }
  ~locked_memory_limit() { EXPECT_EQ(::setrlimit(RLIMIT_MEMLOCK, &before_), 0); }
  locked_memory_limit(const locked_memory_limit&) = delete;
  locked_memory_limit& operator=(const locked_memory_limit&) = delete;

 private:
  rlimit before_{};
};

// The rings of two workers or three would fit.
TEST(DataPlane, IsOneForAllWorkersWhereTheKernelHasMemoryForAFew) {
  if (tested_data_plane() != data_plane::io_uring || ::geteuid() != 0)
    GTEST_SKIP() << "needs io_uring and root";
  fake_cluster cluster(0);
  const std::size_t before = open_rings();
  const locked_memory_limit few_rings(400 * 1024);
  const another_user nobody;
  for (const unsigned workers : {1U, 8U}) {
    test_proxy proxy(cluster.endpoints(), [&](config::config& options) {
      options.relay.engine = relay::engine_choice::automatic;
      options.workers = workers;
    });
    ASSERT_TRUE(proxy.wait_for_backends(1, 0));
    EXPECT_EQ(open_rings() - before, workers == 1 ? 1U : 0U);
    EXPECT_EQ(who_answers(proxy.rw()), "primary");
  }
}

class DeniedDataPlane : public testing::Test {
 protected:
  void SetUp() override {
    if (tested_data_plane() != data_plane::denied) GTEST_SKIP() << "PGSTEER_TEST_ENGINE is not denied";
  }
};

TEST_F(DeniedDataPlane, IsDenied) {
  for (const long number :
       {__NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register, __NR_bpf, __NR_splice}) {
    errno = 0;
    EXPECT_EQ(::syscall(number, 0, 0, 0, 0, 0, 0), -1) << number;
    EXPECT_EQ(errno, EPERM) << number;
  }
}

// An operator who asked for io_uring by name gets a session all the same, and every byte of a bulk answer.
TEST_F(DeniedDataPlane, CostsNoSessionWhateverTheConfigurationAsksFor) {
  constexpr std::size_t n = 8U << 20U;
  for (const auto engine :
       {relay::engine_choice::automatic, relay::engine_choice::epoll, relay::engine_choice::io_uring}) {
    SCOPED_TRACE(static_cast<int>(engine));
    fake_cluster cluster(0);
    test_proxy proxy(cluster.endpoints(), [&](config::config& options) { options.relay.engine = engine; });
    ASSERT_TRUE(proxy.wait_for_backends(1, 0));
    fake_client client(proxy.rw());
    ASSERT_TRUE(client.startup().is_logged_in);
    const std::string upload = byte_pattern(1).take(n);
    client.send(wire::query("duplex 2 " + std::to_string(n)));
    std::thread sender([&] { EXPECT_TRUE(client.send(upload, patience)); });
    EXPECT_EQ(checksum_of(client.read_exactly(n, patience).bytes), checksum_of(byte_pattern(2).take(n)));
    sender.join();
    EXPECT_EQ(client.read_query_result().value(), std::to_string(checksum_of(upload)));
  }
}

}  // namespace
}  // namespace pgsteer::test
