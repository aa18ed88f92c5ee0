// leave_quiet(): a session whose bytes cannot be read leaves at a quiet moment, and loses no answer.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "pgsteer/net/socket.hpp"
#include "unit/relay/leaving_session.hpp"

namespace pgsteer::relay::testing {
namespace {

class LeaveQuiet : public leaving_session {};

TEST_P(LeaveQuiet, ASessionThatCanBeReadWaitsForNoQuietMoment) {
  log_in();
  from_client(query);
  from_backend(in_transaction);
  ask(milliseconds{80});
  EXPECT_EQ(look_at(0), std::nullopt);
  expect_stays();
}

TEST_P(LeaveQuiet, AnEncryptedSessionLeavesOnceItHasBeenQuiet) {
  log_in(false);
  ask(milliseconds{80});
  EXPECT_EQ(look_at(0), milliseconds{40}) << "half of what it waits for";
  expect_goes_on();
  look_at(79);
  expect_goes_on();
  look_at(80);
  expect_leaves();
  EXPECT_EQ(look_at(80), std::nullopt) << "nobody is left";
  EXPECT_EQ(send_some(flow_.client.theirs, query), query.size());
  from_backend("more");  // the answer had a pause
  EXPECT_TRUE(is_at_end(flow_.backend.theirs)) << "nothing more of the client's";
  shut_down_writing(flow_.backend.theirs);
  expect_idle_end_now(false);
}

TEST_P(LeaveQuiet, AnEncryptedSessionStaysForAsLongAsAnAnswerIsOwed) {
  log_in(false);
  from_client(query);
  ask(milliseconds{80});
  for (const int at : {0, 80, 1'000, 10'000}) look_at(at);
  expect_goes_on();
  from_backend(answer);
  look_at(10'001);
  expect_goes_on();
  look_at(10'006);
  expect_leaves();
}

TEST_P(LeaveQuiet, BytesBeginTheQuietMomentOfAnEncryptedSessionAnew) {
  log_in(false);
  ask(milliseconds{80});
  look_at(0);
  from_client(query);
  from_backend(answer);
  look_at(60);
  look_at(79);
  expect_goes_on();
  from_backend(answer);
  look_at(99);
  look_at(138);
  expect_goes_on();
  look_at(139);
  expect_leaves();
}

// It may be amid a transaction, and go on once it has read that.
TEST_P(LeaveQuiet, AnAnswerThatAnEncryptedSessionDoesNotReadIsNoQuietMoment) {
  flow_ = test_flow(socket_kind::tcp);
  const int few = 4'096;
  ASSERT_EQ(::setsockopt(flow_.client.theirs.value(), SOL_SOCKET, SO_RCVBUF, &few, sizeof few), 0);
  log_in(false);
  from_client(query);
  const std::string rows(100'000, 'x');
  std::size_t sent = 0;
  ASSERT_TRUE(engine_.run_until([&] {
    sent += send_some(flow_.backend.theirs, std::string_view(rows).substr(sent));
    return sent == rows.size();
  }));
  ask(milliseconds{80});
  for (const int at : {0, 80, 160, 10'000}) look_at(at);
  expect_goes_on();
  EXPECT_EQ(engine_.receive(flow_.client.theirs, rows.size()), rows);
  look_at(10'004);
  expect_goes_on();
  look_at(10'005);
  expect_leaves();
}

// Its kernel says so with the next query: a driver that pauses for less than 40 ms would never leave.
TEST_P(LeaveQuiet, AnAnswerThatIsReadAndNotAcknowledgedMakesNobodyWait) {
  flow_ = test_flow(socket_kind::tcp);
  const int off = 0;
  log_in(false);
  from_client(query);
  ASSERT_EQ(::setsockopt(flow_.client.theirs.value(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off), 0);
  from_backend(answer);
  ask(milliseconds{80});
  look_at(0);
  look_at(80);
  expect_leaves();
}

TEST_P(LeaveQuiet, AnEncryptedSessionThatMayStayWaitsForNothing) {
  log_in(false);
  ask(milliseconds{20});
  look_at(0);
  EXPECT_TRUE(engine_.engine().stay(*flow_.handle));
  EXPECT_EQ(look_at(20), std::nullopt);
  expect_goes_on();
  ask(milliseconds{80});
  look_at(30);
  look_at(109);
  expect_goes_on();
  look_at(110);
  expect_leaves();
  EXPECT_FALSE(engine_.engine().stay(*flow_.handle)) << "it is told already";
}

// 80 ms for the first 80, 40 for the next, and so on. It asks something every 39, every 19...
TEST_P(LeaveQuiet, AnEncryptedSessionThatIsNeverQuietForLongLeavesAtAShorterMomentLater) {
  log_in(false);
  ask(milliseconds{80});
  look_at(0);
  for (const auto& [from, wanted] :
       {std::pair<int, int>{0, 80}, {80, 40}, {160, 20}, {240, 10}, {320, 5}, {400, 5}}) {
    from_client(query);
    from_backend(answer);
    EXPECT_EQ(look_at(from), duration(milliseconds{wanted}) / 2);
    look_at(from + wanted - 1);
    expect_goes_on();
  }
  look_at(405);
  expect_leaves();
}

// It goes to the backend, and the next moment counts.
TEST_P(LeaveQuiet, AnEncryptedQueryThatHasArrivedIsAnswered) {
  log_in(false);
  ask(milliseconds{80});
  look_at(0);
  EXPECT_EQ(send_some(flow_.client.theirs, query), query.size());
  (void)engine_.engine().leave_quiet(at(80));
  EXPECT_EQ(engine_.receive(flow_.backend.theirs, query.size()), query);
  expect_goes_on();
  from_backend(answer);
  expect_goes_on();
}

TEST_P(LeaveQuiet, TheShorterQuietMomentThatWasAskedForCounts) {
  log_in(false);
  ask(seconds{1});
  look_at(0);
  ask(milliseconds{20});
  ask(milliseconds{80});
  EXPECT_EQ(look_at(10), milliseconds{10});
  look_at(29);
  expect_goes_on();
  look_at(30);
  expect_leaves();
}

TEST_P(LeaveQuiet, AnEncryptedSessionThatEndsByItselfWaitsForNothing) {
  log_in(false);
  ask(milliseconds{80});
  look_at(0);
  shut_down_writing(flow_.client.theirs);
  engine_.run_ready();
  EXPECT_EQ(look_at(80), std::nullopt);
  shut_down_writing(flow_.backend.theirs);
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::client_closed);
}

// Bulk that is spliced has not been seen, and the backend spoke all the same.
TEST_P(LeaveQuiet, AnEncryptedSessionLeavesBehindBulkToo) {
  flow_ = test_flow(socket_kind::tcp);
  log_in(false);
  from_client(query);
  const std::string rows = random_bytes(7, 4U << 20U);
  std::size_t sent = 0, got = 0;
  ASSERT_TRUE(engine_.run_until([&] {
    sent += send_some(flow_.backend.theirs, std::string_view(rows).substr(sent));
    got += read_available(flow_.client.theirs).size();
    return got == rows.size() && net::unacknowledged(flow_.client.ours.value()) == 0;
  }));
  ask(milliseconds{80});
  look_at(0);
  look_at(80);
  expect_leaves();
}

INSTANTIATE_TEST_SUITE_P(Engines, LeaveQuiet, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
