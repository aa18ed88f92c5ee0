// How flows end: FIN, reset, both at once, and what must still be delivered.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "unit/relay/harness.hpp"
#include "unit/relay/last_words.hpp"
#include "unit/relay/tcp_segments.hpp"

namespace pgsteer::relay::testing {
namespace {

class Ending : public on_each_engine_and_socket {
 protected:
  harness engine_{choice()};
  test_flow flow_{kind()};

  // A direction so full that bytes are stuck in the relay. Returns how many were sent.
  std::size_t fill(const net::unique_fd& from) { return engine_.fill(from, std::string(128 * 1024, 'x')); }
  [[nodiscard]] bool ends() {
    return engine_.run_until([&] { return flow_.has_ended(); });
  }
};

TEST_P(Ending, PassesAClientsHalfCloseOnAndKeepsTheOtherWayOpen) {
  engine_.start(flow_);
  send_some(flow_.client.theirs, "last words");
  shut_down_writing(flow_.client.theirs);
  EXPECT_EQ(engine_.receive(flow_.backend.theirs, 10), "last words");
  ASSERT_TRUE(engine_.run_until([&] { return is_at_end(flow_.backend.theirs); }));
  EXPECT_FALSE(flow_.has_ended());

  send_some(flow_.backend.theirs, "the answer");
  EXPECT_EQ(engine_.receive(flow_.client.theirs, 10), "the answer");
  flow_.backend.theirs.reset();
  ASSERT_TRUE(ends());
  EXPECT_TRUE(engine_.run_until([&] { return is_at_end(flow_.client.theirs); }));
  EXPECT_EQ(flow_.end(), flow_end::client_closed);
  EXPECT_FALSE(flow_.owner.summary->error);
  EXPECT_EQ(flow_.owner.summary->bytes, (std::array<std::uint64_t, 2>{10, 10}));
}

TEST_P(Ending, PassesABackendsHalfCloseOnAndKeepsTheOtherWayOpen) {
  engine_.start(flow_);
  send_some(flow_.backend.theirs, "FATAL");
  shut_down_writing(flow_.backend.theirs);
  EXPECT_EQ(engine_.receive(flow_.client.theirs, 5), "FATAL");
  ASSERT_TRUE(engine_.run_until([&] { return is_at_end(flow_.client.theirs); }));
  EXPECT_FALSE(flow_.has_ended());

  send_some(flow_.client.theirs, "more");
  EXPECT_EQ(engine_.receive(flow_.backend.theirs, 4), "more");
  shut_down_writing(flow_.client.theirs);
  ASSERT_TRUE(ends());
  EXPECT_EQ(flow_.end(), flow_end::backend_closed);
}

TEST_P(Ending, DeliversEverythingBeforeTheEndToASlowReader) {
  engine_.start(flow_);
  const std::size_t sent = fill(flow_.backend.theirs);
  shut_down_writing(flow_.backend.theirs);
  shut_down_writing(flow_.client.theirs);
  engine_.run_ready();
  EXPECT_FALSE(flow_.has_ended());
  std::size_t received = 0;
  ASSERT_TRUE(engine_.run_until([&] {
    received += read_available(flow_.client.theirs).size();
    return flow_.has_ended();
  }));
  received += engine_.receive(flow_.client.theirs, sent - received).size();
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(engine_.run_until([&] { return is_at_end(flow_.client.theirs); }));
}

TEST_P(Ending, NamesTheSideThatWasFirstWhenBothEndedBeforeTheTurn) {
  for (const bool is_backend_first : {true, false}) {
    test_flow flow(kind());
    flow_start start = flow.start();
    start.is_watched = true;
    flow.handle = engine_.engine().start(start);
    engine_.run_ready();
    for (socket_pair* pair :
         {is_backend_first ? &flow.backend : &flow.client, is_backend_first ? &flow.client : &flow.backend}) {
      pair->theirs.reset();
      ASSERT_TRUE(wait_for_end(pair->ours));
    }
    ASSERT_TRUE(engine_.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.end(), is_backend_first ? flow_end::backend_closed : flow_end::client_closed);
  }
}

// TLS hides Terminate, whose answer the backend's end mostly is.
TEST_P(Ending, NamesTheClientWhenBothHiddenSidesEndedBeforeTheTurn) {
  test_flow flow(kind());
  engine_.start(flow);
  engine_.run_ready();
  for (socket_pair* pair : {&flow.backend, &flow.client}) {
    pair->theirs.reset();
    ASSERT_TRUE(wait_for_end(pair->ours));
  }
  ASSERT_TRUE(engine_.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::client_closed);
}

// pg_terminate_backend while the client is sending: FATAL, then the close turns into a reset.
TEST_P(Ending, DeliversWhatABackendSaidBeforeItWasReset) {
  engine_.start(flow_);
  engine_.run_ready();
  send_some(flow_.client.theirs, "query that nobody reads");
  ASSERT_TRUE(engine_.run_until([&] { return engine_.counters.bytes[0].value() == 23; }));
  send_some(flow_.backend.theirs, "FATAL 57P01");
  flow_.backend.theirs.reset();  // with unread bytes: a reset
  send_some(flow_.client.theirs, "and another");
  ASSERT_TRUE(ends());
  EXPECT_EQ(engine_.receive(flow_.client.theirs, 11), "FATAL 57P01");
  EXPECT_EQ(flow_.end(), flow_end::backend_failed);
  EXPECT_TRUE(flow_.owner.summary->error);
}

TEST_P(Ending, DeliversABulkAnswerBeforeReportingTheReset) {
  relay_options options;
  options.buffer_bytes = 1024;
  options.reads_per_turn_max = 1;
  harness small(choice(), options);
  small.start(flow_);
  send_some(flow_.client.theirs, "unread");
  ASSERT_TRUE(small.run_until([&] { return small.counters.bytes[0].value() == 6; }));
  const std::string answer = random_bytes(11, 40'000);
  ASSERT_EQ(send_some(flow_.backend.theirs, answer), answer.size());
  flow_.backend.theirs.reset();
  ASSERT_TRUE(small.run_until([&] { return flow_.has_ended(); }));
  EXPECT_TRUE(small.receive(flow_.client.theirs, answer.size()) == answer);
  EXPECT_EQ(flow_.end(), flow_end::backend_failed);
}

TEST_P(Ending, AClientThatVanishesReleasesABackendThatIsStillSending) {
  engine_.start(flow_);
  const std::string block(128 * 1024, 'x');
  send_some(flow_.backend.theirs, block);
  engine_.run_ready();
  flow_.client.theirs.reset();  // FIN or reset, with an answer unread
  ASSERT_TRUE(engine_.run_until([&] {
    if (!flow_.has_ended()) send_some(flow_.backend.theirs, block);
    return flow_.has_ended();
  }));
  EXPECT_EQ(flow_.end(), flow_end::client_failed);
}

TEST_P(Ending, AClientThatVanishesReleasesABackendThatDoesNotRead) {
  engine_.start(flow_);
  (void)fill(flow_.client.theirs);
  // Makes the close of the client a reset also on a socket pair: an answer that nobody reads.
  send_some(flow_.backend.theirs, "unread");
  engine_.run_ready();
  reset(flow_.client.theirs);
  ASSERT_TRUE(ends());
  EXPECT_EQ(flow_.end(), flow_end::client_failed);
}

INSTANTIATE_TEST_SUITE_P(Engines, Ending, each_engine_and_socket(), engine_and_socket_name);

class EndingOnEachEngine : public on_each_engine {};

TEST_P(EndingOnEachEngine, AResetByTheClientEndsAnIdleFlow) {
  harness engine(GetParam());
  test_flow flow(socket_kind::tcp);
  engine.start(flow);
  engine.run_ready();
  reset(flow.client.theirs);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::client_failed);
  EXPECT_EQ(flow.owner.summary->error, boost::system::errc::connection_reset);
}

TEST_P(EndingOnEachEngine, AResetByTheBackendEndsAnIdleFlow) {
  harness engine(GetParam());
  test_flow flow(socket_kind::tcp);
  engine.start(flow);
  engine.run_ready();
  reset(flow.backend.theirs);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::backend_failed);
  EXPECT_EQ(flow.owner.summary->error, boost::system::errc::connection_reset);
}

// Terminate and the FIN behind it are mostly there together.
TEST_P(EndingOnEachEngine, LastWordsAndTheEndGoInOneSegment) {
  harness engine(GetParam());
  test_flow flow(socket_kind::tcp);
  engine.start(flow);
  engine.run_ready();
  const std::uint32_t before = segments_received(flow.backend.theirs);
  send_some(flow.client.theirs, "last words");
  shut_down_writing(flow.client.theirs);
  ASSERT_TRUE(engine.run_until([&] { return segments_received(flow.backend.theirs) != before; }));
  engine.run_ready();
  EXPECT_EQ(engine.receive(flow.backend.theirs, 10), "last words");
  EXPECT_TRUE(engine.run_until([&] { return is_at_end(flow.backend.theirs); }));
  EXPECT_EQ(segments_received(flow.backend.theirs), before + 1);
}

TEST_P(EndingOnEachEngine, AResetAfterAHalfCloseEndsTheFlowAsTheClients) {
  harness engine(GetParam());
  test_flow flow(socket_kind::tcp);
  engine.start(flow);
  shut_down_writing(flow.client.theirs);
  ASSERT_TRUE(engine.run_until([&] { return is_at_end(flow.backend.theirs); }));
  reset(flow.client.theirs);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::client_closed);
  EXPECT_TRUE(flow.owner.summary->error);
}

// libpq says Terminate, close_notify and FIN at once and is gone; the backend reads Terminate alone, answers
// with its close_notify, which resets the client, and resets in turn what it has not read.
TEST_P(EndingOnEachEngine, WhatComesAfterAnEncryptedGoodbyeIsNoFault) {
  for (const bool has_fin : {true, false}) {
    for (const bool is_backend_first : {true, false}) {
      SCOPED_TRACE(::testing::Message() << "FIN " << has_fin << ", the backend first " << is_backend_first);
      harness engine(GetParam());
      test_flow flow(socket_kind::tcp);
      engine.start(flow);
      send_some(flow.client.theirs, hidden_terminate + close_notify);
      EXPECT_EQ(engine.receive(flow.backend.theirs, hidden_terminate.size()), hidden_terminate);
      if (has_fin) shut_down_writing(flow.client.theirs);
      if (is_backend_first) {
        send_some(flow.backend.theirs, close_notify);
        reset(flow.backend.theirs);
      } else {
        reset(flow.client.theirs);
        send_some(flow.backend.theirs, close_notify);
      }
      ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
      EXPECT_EQ(flow.end(), flow_end::client_closed);
      EXPECT_TRUE(flow.owner.summary->error);
    }
  }
}

// The reset arrives after the turn has taken its events: the failed send is all that tells of it.
TEST(EpollFlow, AFailedSendStillDeliversWhatTheBackendHadSaid) {
  test_flow sockets;
  epoll_flow flow(sockets.start());
  send_some(sockets.client.theirs, "query");
  epoll_flow::on_event(flow.edges(side::client), EPOLLIN);
  send_some(sockets.backend.theirs, "FATAL");
  sockets.backend.theirs.reset();
  std::vector<std::uint8_t> buffer(100);
  pipe_pool pipes(false);
  epoll_turn turn{{pipes}, buffer, 10};
  EXPECT_EQ(flow.pump(turn), epoll_flow::outcome::ended);
  EXPECT_EQ(read_available(sockets.client.theirs), "FATAL");
  flow.tell_owner();
  EXPECT_EQ(sockets.end(), flow_end::backend_failed);
  EXPECT_EQ(sockets.owner.summary->error, boost::system::errc::broken_pipe);
}

// The write that fails takes the error off the backend's socket, which then seems to end: the client must not
// be told of an orderly end, but of what its owner says by closing it.
TEST_P(EndingOnEachEngine, AResetThatAWriteFindsReachesTheClientAsNoOrderlyEnd) {
  for (const bool is_stalled : {false, true}) {
    SCOPED_TRACE(is_stalled ? "stalled" : "not stalled");
    harness engine(GetParam());
    test_flow flow(socket_kind::tcp);
    engine.start(flow);
    engine.run_ready();
    flow.owner.close_sockets = [&] {
      reset(flow.client.ours);
      flow.backend.ours.reset();
    };
    if (is_stalled) {
      (void)engine.fill(flow.client.theirs, std::string(128 * 1024, 'q'));
    } else {
      send_some(flow.client.theirs, "query");
    }
    reset(flow.backend.theirs);
    ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.end(), flow_end::backend_failed);
    char byte = 0;
    EXPECT_EQ(::recv(flow.client.theirs.value(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
  }
}

// Whatever the socket's owner has done wrong, neither the client nor the backend has.
TEST_P(EndingOnEachEngine, ADescriptorThatIsNoSocketIsADefectAndNoSidesFailure) {
  const net::unique_fd no_socket(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  struct misuse {
    int fd;
    int error;
  };
  for (const misuse& now : {misuse{-1, EBADF}, misuse{no_socket.value(), ENOTSOCK}}) {
    for (int flow_start::*const which : {&flow_start::client_fd, &flow_start::backend_fd}) {
      SCOPED_TRACE(::testing::Message() << "errno " << now.error);
      harness engine(GetParam());
      test_flow flow;
      flow_start start = flow.start();
      start.*which = now.fd;
      (void)engine.engine().start(start);
      EXPECT_FALSE(flow.has_ended()) << "on_end() inside start()";
      ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
      EXPECT_EQ(flow.end(), flow_end::defect);
      EXPECT_EQ(flow.owner.summary->error.value(), now.error);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, EndingOnEachEngine, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
