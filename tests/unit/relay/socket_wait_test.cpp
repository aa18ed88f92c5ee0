// Waiting in an engine for sockets that are no flow's yet.
#include "pgsteer/relay/socket_wait.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <vector>

#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

// Counts how often it was told. Not told any more when it goes away.
class counting_wait final : public socket_wait {
 public:
  explicit counting_wait(harness& engine) : engine_(engine) {}
  ~counting_wait() {
    if (is_waiting()) engine_.engine().forget(*this);
  }
  counting_wait(const counting_wait&) = delete;
  counting_wait& operator=(const counting_wait&) = delete;
  void on_ready() override { ++told; }
  void begin(const net::unique_fd& fd, readiness what = readiness::readable) {
    ASSERT_TRUE(engine_.engine().wait(*this, fd.value(), what));
    EXPECT_TRUE(is_waiting());
  }
  void takes_another() { change_socket(); }

  int told = 0;

 private:
  harness& engine_;
};

class SocketWait : public on_each_engine_and_socket {
 protected:
  harness engine_{choice()};
  test_flow flow_{kind()};
  counting_wait wait_{engine_};

  [[nodiscard]] bool is_told(int times = 1) {
    const bool was_told = engine_.run_until([&] { return wait_.told >= times; });
    engine_.run_ready();
    return was_told && wait_.told == times && !wait_.is_waiting();
  }
};

TEST_P(SocketWait, IsToldOnceThatThereIsSomethingToRead) {
  wait_.begin(flow_.backend.ours);
  engine_.run_ready();
  EXPECT_EQ(wait_.told, 0);
  send_some(flow_.backend.theirs, "R");
  EXPECT_TRUE(is_told());
  send_some(flow_.backend.theirs, "S");
  engine_.run_ready();
  EXPECT_EQ(wait_.told, 1);
}

TEST_P(SocketWait, IsToldOfWhatWasThereBefore) {
  send_some(flow_.backend.theirs, "R");
  for (int times = 1; times <= 3; ++times) {
    wait_.begin(flow_.backend.ours);
    EXPECT_TRUE(is_told(times));
  }
}

TEST_P(SocketWait, IsToldOfTheEndAndOfAReset) {
  shut_down_writing(flow_.backend.theirs);
  wait_.begin(flow_.backend.ours);
  EXPECT_TRUE(is_told());
  reset(flow_.client.theirs);
  counting_wait other(engine_);
  other.begin(flow_.client.ours);
  EXPECT_TRUE(engine_.run_until([&] { return other.told == 1; }));
}

TEST_P(SocketWait, IsToldThatThereIsRoom) {
  wait_.begin(flow_.client.ours, readiness::writable);
  EXPECT_TRUE(is_told());
  const std::string block(64 * 1024, 'x');
  for (int quiet = 0; quiet < 100;) quiet = send_some(flow_.client.ours, block) == 0 ? quiet + 1 : 0;
  wait_.begin(flow_.client.ours, readiness::writable);
  engine_.run_ready();
  EXPECT_EQ(wait_.told, 1);
  ASSERT_TRUE(engine_.run_until([&] {
    (void)read_available(flow_.client.theirs);
    return wait_.told == 2;
  }));
}

TEST_P(SocketWait, IsNotToldAfterItWasForgotten) {
  wait_.begin(flow_.backend.ours);
  engine_.run_ready();
  engine_.engine().forget(wait_);
  EXPECT_FALSE(wait_.is_waiting());
  engine_.engine().forget(wait_);
  send_some(flow_.backend.theirs, "R");
  engine_.run_ready();
  EXPECT_EQ(wait_.told, 0);
  wait_.begin(flow_.backend.ours);
  EXPECT_TRUE(is_told());
}

// Forgotten in the turn in which it was begun, many times over, and with the bytes there already.
TEST_P(SocketWait, BearsHaste) {
  for (int i = 0; i < 1'000; ++i) {
    wait_.begin(flow_.backend.ours);
    if (i % 3 == 0) engine_.engine().step();
    if (wait_.is_waiting()) engine_.engine().forget(wait_);
    if (i == 500) send_some(flow_.backend.theirs, "R");
  }
  const int before = wait_.told;
  engine_.run_ready();
  EXPECT_EQ(wait_.told, before);
  wait_.begin(flow_.backend.ours);
  EXPECT_TRUE(engine_.run_until([&] { return wait_.told == before + 1; }));
}

// The engine holds on to no socket that it was told to forget: its peer sees the end.
TEST_P(SocketWait, AForgottenSocketCanBeClosed) {
  wait_.begin(flow_.backend.ours);
  engine_.run_ready();
  engine_.engine().forget(wait_);
  flow_.backend.ours.reset();
  EXPECT_TRUE(engine_.run_until([&] { return is_at_end(flow_.backend.theirs); }));
}

TEST_P(SocketWait, WaitsForAnotherSocketWhenTheFirstWasClosed) {
  wait_.begin(flow_.backend.ours);
  engine_.run_ready();
  engine_.engine().forget(wait_);
  flow_.backend.ours.reset();
  flow_.backend = make_pair_of(kind());
  wait_.takes_another();
  wait_.begin(flow_.backend.ours);
  send_some(flow_.backend.theirs, "R");
  EXPECT_TRUE(is_told());
  flow_.backend.ours.reset();
  flow_.backend = make_pair_of(kind());
  wait_.takes_another();
  wait_.begin(flow_.backend.ours);
  send_some(flow_.backend.theirs, "R");
  EXPECT_TRUE(is_told(2));
}

TEST_P(SocketWait, TheSocketsCanBecomeAFlow) {
  counting_wait never_told(engine_);
  never_told.begin(flow_.client.ours);
  wait_.begin(flow_.backend.ours);
  send_some(flow_.backend.theirs, "hello");
  EXPECT_TRUE(is_told());
  engine_.engine().forget(never_told);
  flow_start start = flow_.start();
  start.client_wait = &never_told;
  start.backend_wait = &wait_;
  flow_.handle = engine_.engine().start(start);
  EXPECT_EQ(engine_.receive(flow_.client.theirs, 5), "hello");
  send_some(flow_.client.theirs, "query");
  EXPECT_EQ(engine_.receive(flow_.backend.theirs, 5), "query");
  flow_.client.theirs.reset();
  ASSERT_TRUE(engine_.run_until([&] { return is_at_end(flow_.backend.theirs); }));
  flow_.backend.theirs.reset();
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::client_closed);
  EXPECT_EQ(wait_.told, 1);
  EXPECT_EQ(never_told.told, 0);
}

TEST_P(SocketWait, MayOutliveTheEngine) {
  counting_wait forgotten(engine_);
  forgotten.begin(flow_.client.ours);
  wait_.begin(flow_.backend.ours);
  engine_.run_ready();
  engine_.engine().forget(forgotten);
  engine_.destroy_engine();
  EXPECT_FALSE(wait_.is_waiting());
  flow_.backend.ours.reset();
  EXPECT_TRUE(is_at_end(flow_.backend.theirs) || kind() == socket_kind::tcp);
}

// More than one turn takes.
TEST_P(SocketWait, ThousandsAreToldEach) {
  constexpr std::size_t n = 1'000;
  std::vector<socket_pair> pairs;
  std::vector<std::unique_ptr<counting_wait>> waits;
  for (std::size_t i = 0; i < n; ++i) {
    pairs.push_back(make_pair_of(kind()));
    waits.push_back(std::make_unique<counting_wait>(engine_));
    waits.back()->begin(pairs.back().ours);
  }
  for (const socket_pair& pair : pairs) send_some(pair.theirs, "R");
  EXPECT_TRUE(engine_.run_until([&] {
    return std::all_of(waits.begin(), waits.end(), [](const auto& wait) { return wait->told == 1; });
  }));
}

using TcpSocketWait = on_each_engine;

// SO_RCVLOWAT, as for any poll(2): only more bytes, or the end, count.
TEST_P(TcpSocketWait, HonoursTheLowWaterMark) {
  harness engine(GetParam());
  test_flow flow(socket_kind::tcp);
  counting_wait wait(engine);
  send_some(flow.client.theirs, "query");
  const int more_than_there_is = 6;
  ASSERT_EQ(::setsockopt(flow.client.ours.value(), SOL_SOCKET, SO_RCVLOWAT, &more_than_there_is,
                         sizeof more_than_there_is),
            0);
  wait.begin(flow.client.ours);
  engine.run_ready();
  EXPECT_EQ(wait.told, 0);
  shut_down_writing(flow.client.theirs);
  EXPECT_TRUE(engine.run_until([&] { return wait.told == 1; }));
}

INSTANTIATE_TEST_SUITE_P(Engines, TcpSocketWait, each_engine(), engine_name);
INSTANTIATE_TEST_SUITE_P(Engines, SocketWait, each_engine_and_socket(), engine_and_socket_name);

// A descriptor that cannot be watched.
TEST(EpollEngine, SaysThatASocketCannotBeWaitedFor) {
  harness engine(engine_choice::epoll);
  counting_wait wait(engine);
  const net::unique_fd none;
  const result<void> begun = engine.engine().wait(wait, none.value(), readiness::readable);
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error(), boost::system::errc::bad_file_descriptor);
  EXPECT_FALSE(wait.is_waiting());
}

}  // namespace
}  // namespace pgsteer::relay::testing
