// detach(): a session is taken out of one engine and carried on by another, and neither side can tell.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <random>

#include "unit/relay/harness.hpp"
#include "unit/relay/last_words.hpp"
#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay::testing {
namespace {

// From the one engine to the other, which may be of the same kind.
class Detach : public ::testing::TestWithParam<std::tuple<engine_choice, engine_choice>> {
 protected:
  void SetUp() override {
    if (!is_available(std::get<0>(GetParam())) || !is_available(std::get<1>(GetParam())))
      GTEST_SKIP() << "this kernel denies an engine";
    for (harness* engine : {&first_, &second_}) engine->run_ready();
  }

  // In the first engine; readable and no longer watched, as behind a login.
  void log_in(test_flow& flow, bool is_readable = true) {
    flow_start start = flow.start();
    start.is_watched = is_readable;
    flow.owner.on_verdict = [](std::string_view) { return watch_verdict::done; };
    flow.handle = first_.engine().start(start);
    send_some(flow.backend.theirs, ready_for_query);
    EXPECT_EQ(first_.receive(flow.client.theirs, ready_for_query.size()), ready_for_query);
  }
  // False: the flow has ended instead.
  [[nodiscard]] static bool detach(harness& from, test_flow& flow) {
    const bool is_alive = from.engine().detach(*flow.handle);
    EXPECT_EQ(from.engine().detach(*flow.handle), is_alive) << "the second time";
    EXPECT_TRUE(from.run_until([&] { return flow.owner.given_back || flow.has_ended(); }));
    EXPECT_EQ(from.engine().flow_count(), 0U);
    return flow.owner.given_back.has_value();
  }
  static void carry_on(harness& in, test_flow& flow) {
    const carried_flow taken = std::move(*flow.owner.given_back);
    flow.owner.given_back.reset();
    flow_start start = flow.start();
    start.to_backend = taken.stuck[0];
    start.to_client = taken.stuck[1];
    start.past = &taken.past;
    flow.handle = in.engine().start(start);
  }
  void move_on(test_flow& flow) {
    ASSERT_TRUE(detach(first_, flow));
    carry_on(second_, flow);
  }

  harness first_{std::get<0>(GetParam())};
  harness second_{std::get<1>(GetParam())};
};

TEST_P(Detach, LeavesBothSocketsOpenAndUntouched) {
  test_flow flow;
  log_in(flow);
  ASSERT_TRUE(first_.engine().detach(*flow.handle));
  EXPECT_FALSE(flow.owner.given_back) << "on_detach() inside detach()";
  ASSERT_TRUE(first_.run_until([&] { return flow.owner.given_back.has_value(); }));
  EXPECT_EQ(flow.owner.ends, 0U);
  send_some(flow.client.theirs, "query");
  send_some(flow.backend.theirs, "row");
  first_.run_ready();
  EXPECT_EQ(read_available(flow.client.ours), "query");
  EXPECT_EQ(read_available(flow.backend.ours), "row");
}

TEST_P(Detach, IsRefusedWhileTheOwnerWatchesAndOnceItHasEnded) {
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  flow.handle = first_.engine().start(start);
  EXPECT_FALSE(first_.engine().detach(*flow.handle));
  send_some(flow.backend.theirs, "R");
  EXPECT_EQ(first_.receive(flow.client.theirs, 1), "R");
  EXPECT_FALSE(flow.owner.given_back);
  first_.engine().stop(*flow.handle);
  EXPECT_FALSE(first_.engine().detach(*flow.handle));
  ASSERT_TRUE(first_.run_until([&] { return flow.has_ended(); }));
  EXPECT_FALSE(flow.owner.given_back);
}

TEST_P(Detach, AStopBehindItEndsTheFlow) {
  test_flow flow;
  log_in(flow);
  EXPECT_TRUE(first_.engine().detach(*flow.handle));
  first_.engine().stop(*flow.handle);
  ASSERT_TRUE(first_.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::stopped);
  EXPECT_FALSE(flow.owner.given_back);
}

TEST_P(Detach, WhatWasCountedAndSaidIsRemembered) {
  for (const bool is_idle : {true, false}) {
    test_flow flow;
    log_in(flow);
    if (!is_idle) {
      send_some(flow.client.theirs, "Q");
      EXPECT_EQ(first_.receive(flow.backend.theirs, 1), "Q");
    }
    move_on(flow);
    second_.run_ready();
    second_.engine().stop(*flow.handle);
    ASSERT_TRUE(second_.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.owner.summary->is_idle_outside_transaction, is_idle);
    EXPECT_EQ(flow.owner.summary->bytes[0], is_idle ? 0U : 1U);
    EXPECT_EQ(flow.owner.summary->bytes[1], ready_for_query.size());
  }
}

TEST_P(Detach, AReadableSessionStaysReadable) {
  test_flow flow;
  log_in(flow);
  send_some(flow.client.theirs, "Q");
  EXPECT_EQ(first_.receive(flow.backend.theirs, 1), "Q");
  move_on(flow);
  second_.engine().stop_when_idle(*flow.handle);
  second_.run_ready();
  EXPECT_FALSE(flow.has_ended());
  send_some(flow.backend.theirs, ready_for_query);
  ASSERT_TRUE(second_.run_until([&] { return is_at_end(flow.backend.theirs); }));
  shut_down_writing(flow.backend.theirs);
  ASSERT_TRUE(second_.run_until([&] { return flow.has_ended(); }));
  EXPECT_TRUE(flow.owner.summary->is_idle_outside_transaction);
}

TEST_P(Detach, WhoSpokeLastIsRemembered) {
  for (const bool is_answered : {true, false}) {
    test_flow flow;
    log_in(flow, false);
    if (!is_answered) {
      send_some(flow.client.theirs, "Q");
      EXPECT_EQ(first_.receive(flow.backend.theirs, 1), "Q");
    }
    move_on(flow);
    second_.engine().stop_when_idle(*flow.handle);
    for (const int at : {1, 2, 3}) {
      (void)second_.engine().leave_quiet(time_point(seconds{at}));
      second_.run_ready();
    }
    EXPECT_EQ(is_at_end(flow.backend.theirs), is_answered);
  }
}

TEST_P(Detach, AGoodbyeThatWasSaidBeforeCounts) {
  for (const bool is_readable : {true, false}) {
    test_flow flow(socket_kind::tcp);
    log_in(flow, is_readable);
    const std::string goodbye = is_readable ? terminate : hidden_terminate + close_notify;
    send_some(flow.client.theirs, goodbye);
    EXPECT_EQ(first_.receive(flow.backend.theirs, goodbye.size()), goodbye);
    move_on(flow);
    reset(flow.backend.theirs);
    ASSERT_TRUE(second_.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.end(), flow_end::client_closed);
  }
}

TEST_P(Detach, AnEndThatWasPassedOnIsNotPassedOnAgain) {
  for (const bool is_clients : {true, false}) {
    SCOPED_TRACE(is_clients ? "the client ends first" : "the backend does");
    test_flow flow;
    log_in(flow);
    socket_pair& ended = is_clients ? flow.client : flow.backend;
    socket_pair& open = is_clients ? flow.backend : flow.client;
    shut_down_writing(ended.theirs);
    first_.run_ready();
    EXPECT_TRUE(is_at_end(open.theirs));
    move_on(flow);
    second_.run_ready();
    EXPECT_FALSE(flow.has_ended());
    send_some(open.theirs, "the rest");
    EXPECT_EQ(second_.receive(ended.theirs, 8), "the rest");
    shut_down_writing(open.theirs);
    ASSERT_TRUE(second_.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.end(), is_clients ? flow_end::client_closed : flow_end::backend_closed);
  }
}

TEST_P(Detach, StuckBytesAndTheEndBehindThemFollow) {
  test_flow flow(socket_kind::tcp);
  log_in(flow);
  const std::size_t sent = first_.fill(flow.backend.theirs, std::string(64 * 1024, 'x'));
  shut_down_writing(flow.backend.theirs);
  first_.run_ready();
  ASSERT_TRUE(detach(first_, flow));
  EXPECT_FALSE(flow.owner.given_back->stuck[1].empty());
  EXPECT_FALSE(flow.owner.given_back->past.is_done[1]);
  carry_on(second_, flow);
  EXPECT_EQ(second_.receive(flow.client.theirs, sent).size(), sent);
  ASSERT_TRUE(second_.run_until([&] { return is_at_end(flow.client.theirs); }));
  shut_down_writing(flow.client.theirs);
  ASSERT_TRUE(second_.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::backend_closed);
}

// A send has failed, and what the backend said before it went has not all been read.
TEST_P(Detach, AFailureThatWasFoundBeforeEndsTheFlowBehindTheLastBytes) {
  test_flow flow;
  log_in(flow);
  ASSERT_TRUE(detach(first_, flow));
  flow.owner.given_back->past.is_done[0] = true;
  flow.owner.given_back->past.error[1] = ECONNRESET;
  flow.owner.given_back->past.memory.ended_first = 2;
  send_some(flow.backend.theirs, "FATAL");
  flow.backend.theirs.reset();
  carry_on(second_, flow);
  ASSERT_TRUE(second_.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(read_available(flow.client.theirs), "FATAL");
  EXPECT_EQ(flow.end(), flow_end::backend_failed);
  EXPECT_EQ(flow.owner.summary->error, boost::system::errc::connection_reset);
}

// Looked at a second time, the rest of the backend's close_notify would be no goodbye.
TEST_P(Detach, StuckBytesThatWereSeenBeforeAreNotLookedAtAgain) {
  test_flow flow(socket_kind::tcp);
  flow.handle = first_.engine().start(flow.start());
  send_some(flow.backend.theirs, close_notify);
  EXPECT_EQ(first_.receive(flow.client.theirs, close_notify.size()), close_notify);
  ASSERT_TRUE(detach(first_, flow));
  flow.owner.given_back->stuck[1] = {'x', 'x'};
  carry_on(second_, flow);
  EXPECT_EQ(second_.receive(flow.client.theirs, 2), "xx");
  reset(flow.backend.theirs);
  ASSERT_TRUE(second_.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::backend_closed);
}

// Taken off a socket whose peer does not read, it would be lost.
TEST_P(Detach, AUserTimeoutThatWasTakenOffComesBack) {
  test_flow flow(socket_kind::tcp);
  log_in(flow);
  ASSERT_TRUE(detach(first_, flow));
  flow.owner.given_back->past.user_timeout_taken_ms[1] = 60'000;
  carry_on(first_, flow);
  ASSERT_TRUE(detach(first_, flow));
  carry_on(second_, flow);
  second_.run_ready();
  for (std::size_t n = 0; n < flow_engine::ticks_per_guard_round; ++n)
    second_.engine().tick(time_point{seconds{n}});
  unsigned configured = 0;
  socklen_t size = sizeof configured;
  ASSERT_EQ(::getsockopt(flow.backend.ours.value(), IPPROTO_TCP, TCP_USER_TIMEOUT, &configured, &size), 0);
  EXPECT_EQ(configured, 60'000U);
}

// What one side sends and the other has got so far.
struct traffic {
  const net::unique_fd& from;
  const net::unique_fd& to;
  std::string bytes;
  std::size_t sent = 0;
  std::size_t received = 0;
  bool is_exact = true;
  bool has_ended = false;

  void send(std::size_t most) {
    if (sent < bytes.size()) sent += send_some(from, std::string_view(bytes).substr(sent, most));
    if (sent == bytes.size() && !std::exchange(has_ended, true)) shut_down_writing(from);
  }
  void receive(std::size_t most) {
    const std::string got = read_available(to, most);
    is_exact = is_exact && std::string_view(bytes).substr(received, got.size()) == got;
    received += got.size();
  }
  [[nodiscard]] bool is_complete() const { return received == bytes.size() && is_at_end(to); }
};

[[nodiscard]] std::uint64_t seed_of_this_run() {
  const char* const given = std::getenv("PGSTEER_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'128;
}

// Both directions, with readers that pause: at each moment bytes may be stuck on the heap, in a pipe, in the
// kernel's hands, or a side may have ended.
class DetachUnderTraffic : public Detach {
 protected:
  struct seen {
    std::size_t moves = 0;
    std::size_t with_stuck_bytes = 0;
    std::size_t half_closed = 0;
  };

  void carry_to_and_fro(std::mt19937_64& random, toggle splice) {
    relay_options options;
    options.splice = splice;
    options.buffer_bytes = std::uint32_t{4096} << random() % 5;
    harness first(std::get<0>(GetParam()), options);
    harness second(std::get<1>(GetParam()), options);
    test_flow flow(random() % 2 == 0 ? socket_kind::tcp : socket_kind::unix_stream);
    // Less than a segment of the loopback device would have TCP wait for its timers.
    const int room = 1 << (17 + random() % 3);
    for (const net::unique_fd* fd : {&flow.client.ours, &flow.backend.ours})
      ::setsockopt(fd->value(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    const auto length = [&] { return std::size_t{1} << (10 + random() % 12); };
    traffic out{flow.client.theirs, flow.backend.theirs, random_bytes(random(), length())};
    traffic in{flow.backend.theirs, flow.client.theirs, random_bytes(random(), length())};
    harness* now = &first;
    first.start(flow);
    ASSERT_TRUE(now->run_until([&] {
      for (traffic* way : {&out, &in}) {
        if (random() % 2 == 0) way->send(std::size_t{1} << random() % 18);
        if (random() % 4 == 0) way->receive(std::size_t{1} << random() % 18);
      }
      for (std::uint64_t steps = random() % 4; steps > 0; --steps) now->engine().step();
      if (!flow.has_ended() && random() % 8 == 0) {
        if (!detach(*now, flow)) return true;
        note(*flow.owner.given_back);
        now = now == &first ? &second : &first;
        carry_on(*now, flow);
      }
      return flow.has_ended();
    })) << out.received
        << " of " << out.sent << " to the backend, " << in.received << " of " << in.sent << " to the client";
    ASSERT_TRUE(now->run_until([&] {
      out.receive(SIZE_MAX);
      in.receive(SIZE_MAX);
      return out.is_complete() && in.is_complete();
    }));
    EXPECT_TRUE(out.is_exact && in.is_exact);
    EXPECT_TRUE(flow.end() == flow_end::client_closed || flow.end() == flow_end::backend_closed);
    EXPECT_EQ(flow.owner.summary->bytes[0], out.bytes.size());
    EXPECT_EQ(flow.owner.summary->bytes[1], in.bytes.size());
    for (const harness* engine : {&first, &second}) spliced_ += engine->counters.spliced_bytes.value();
  }
  void note(const carried_flow& taken) {
    ++seen_.moves;
    if (!taken.stuck[0].empty() || !taken.stuck[1].empty()) ++seen_.with_stuck_bytes;
    if (taken.past.is_done[0] != taken.past.is_done[1]) ++seen_.half_closed;
  }

  seen seen_;
  std::uint64_t spliced_ = 0;
};

TEST_P(DetachUnderTraffic, LosesNoByteAndDoublesNone) {
  const std::uint64_t seed = seed_of_this_run();
  SCOPED_TRACE(::testing::Message() << "PGSTEER_SEED=" << seed);
  std::mt19937_64 random(seed);
  constexpr int sessions = 60;
  for (int n = 0; n < sessions && !HasFailure(); ++n) {
    SCOPED_TRACE(::testing::Message() << "session " << n);
    carry_to_and_fro(random, n % 2 == 0 ? toggle::on : toggle::off);
  }
  EXPECT_GT(seen_.moves, std::size_t{sessions});
  EXPECT_GT(seen_.with_stuck_bytes, 0U);
  EXPECT_GT(seen_.half_closed, 0U);
  EXPECT_GT(spliced_, 0U);
}

const auto both_engines = ::testing::Combine(each_engine(), each_engine());
const auto names_of_both = [](const auto& now) {
  return name_of(std::get<0>(now.param)) + "To" + name_of(std::get<1>(now.param));
};

INSTANTIATE_TEST_SUITE_P(Engines, Detach, both_engines, names_of_both);

INSTANTIATE_TEST_SUITE_P(Engines, DetachUnderTraffic, both_engines, names_of_both);

}  // namespace
}  // namespace pgsteer::relay::testing
