// stop_when_idle(): a session ends where its client reads a FATAL as an answer to nothing, and not before.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "unit/relay/leaving_session.hpp"

namespace pgsteer::relay::testing {
namespace {

class StopWhenIdle : public leaving_session {};

TEST_P(StopWhenIdle, EndsAnIdleSessionButNotFromInside) {
  log_in();
  ask();
  ask();
  EXPECT_FALSE(flow_.has_ended());
  expect_idle_end();
}

TEST_P(StopWhenIdle, WaitsForTheEndOfATransaction) {
  log_in();
  from_client(query);
  from_backend(in_transaction);
  ask();
  expect_stays();
  from_client(query);
  from_backend(answer + in_transaction);
  expect_stays();
  from_client(query);
  from_backend(answer + ready_for_query);
  expect_idle_end();
}

TEST_P(StopWhenIdle, WaitsForTheAnswerToAQueryAndPassesItOn) {
  log_in();
  from_client(query);
  ask();
  ask();
  expect_stays();
  for (const char byte : answer + ready_for_query) {
    EXPECT_FALSE(flow_.has_ended());
    from_backend(std::string(1, byte));
    engine_.run_ready();
  }
  expect_idle_end();
}

TEST_P(StopWhenIdle, WaitsForTheAnswerToAQueryThatHasArrived) {
  log_in();
  EXPECT_EQ(send_some(flow_.client.theirs, query), query.size());
  ask();
  EXPECT_EQ(engine_.receive(flow_.backend.theirs, query.size()), query);
  expect_stays();
  from_backend(answer + ready_for_query);
  expect_idle_end();
}

// Both wait in their sockets: the query was sent, so that the answer ahead of it is not the last word.
// Several times, as an engine may begin now with the one side and now with the other.
TEST_P(StopWhenIdle, TheNextQueryThatIsThereWithTheAnswerKeepsItOpen) {
  log_in();
  from_client(query);
  for (int times = 0; times < 4; ++times) {
    for (int n = 0; n <= times % 2; ++n) {
      ask();
      expect_stays();
    }
    EXPECT_EQ(send_some(flow_.client.theirs, query), query.size());
    EXPECT_EQ(send_some(flow_.backend.theirs, answer + ready_for_query), answer.size() + 6);
    EXPECT_EQ(engine_.receive(flow_.client.theirs, answer.size() + 6), answer + ready_for_query);
    EXPECT_EQ(engine_.receive(flow_.backend.theirs, query.size()), query);
    expect_stays();
    ASSERT_FALSE(flow_.has_ended());
  }
  from_backend(answer + ready_for_query);
  expect_idle_end();
}

TEST_P(StopWhenIdle, PassesOnAllAnswersThatAreThereToPipelinedQueries) {
  log_in();
  from_client(query + query + query);
  ask();
  expect_stays();
  std::string answers;
  for (int n = 0; n < 3; ++n) answers += answer + ready_for_query;
  from_backend(answers);
  expect_idle_end();
}

// The answer to the first comes alone, and the second is under way: what it does is done, so it must be told.
TEST_P(StopWhenIdle, WaitsForTheAnswersToPipelinedQueries) {
  log_in();
  from_client(query + query);
  from_backend(answer + ready_for_query);
  ask();
  expect_leaves();
  from_backend(answer + ready_for_query);
  EXPECT_FALSE(flow_.has_ended());
  shut_down_writing(flow_.backend.theirs);
  expect_idle_end_now();
}

TEST_P(StopWhenIdle, APipelinedTransactionIsLostAndItsClientNotTakenForIdle) {
  log_in();
  from_client(query + query);
  from_backend(answer + ready_for_query);
  ask();
  expect_leaves();
  from_backend(answer + in_transaction);
  shut_down_writing(flow_.backend.theirs);
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::stopped);
  EXPECT_FALSE(flow_.owner.summary->is_idle_outside_transaction);
  EXPECT_TRUE(flow_.owner.summary->is_all_said) << "the answers are on their way";
}

TEST_P(StopWhenIdle, ABackendThatSaysWhyItEndsHasTheLastWord) {
  log_in();
  ask();
  expect_leaves();
  from_backend("E\0\0\0\x0AMbye\0\0"s);
  shut_down_writing(flow_.backend.theirs);
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::stopped);
  EXPECT_FALSE(flow_.owner.summary->is_idle_outside_transaction);
  EXPECT_TRUE(flow_.owner.summary->is_all_said);
}

// It reads that the session is over, and knows that this was not done.
TEST_P(StopWhenIdle, PassesOnNothingThatTheClientSendsFromThenOn) {
  log_in();
  ask();
  expect_leaves();
  EXPECT_EQ(send_some(flow_.client.theirs, query), query.size());
  engine_.run_ready();
  EXPECT_TRUE(is_at_end(flow_.backend.theirs));
  shut_down_writing(flow_.backend.theirs);
  expect_idle_end_now();
  EXPECT_EQ(flow_.owner.summary->bytes[0], 0U);
}

TEST_P(StopWhenIdle, ABackendThatIsResetHasFailed) {
  flow_ = test_flow(socket_kind::tcp);
  log_in();
  ask();
  expect_leaves();
  reset(flow_.backend.theirs);
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::backend_failed);
}

// The backend has ended as it was told to.
TEST_P(StopWhenIdle, AClientThatIsGoneByThenWasNotEndedByItsBackend) {
  flow_ = test_flow(socket_kind::tcp);
  log_in();
  ask();
  expect_leaves();
  const std::string part(1'000, 'x');
  while (engine_.engine().stalled_flows() == 0 && send_some(flow_.backend.theirs, part) == part.size())
    engine_.run_ready();
  shut_down_writing(flow_.backend.theirs);
  expect_stays();  // not all of it fits
  reset(flow_.client.theirs);
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::stopped);
}

TEST_P(StopWhenIdle, ASessionThatMayStayGoesOn) {
  log_in();
  from_client(query);
  ask();
  EXPECT_TRUE(engine_.engine().stay(*flow_.handle));
  from_backend(answer + ready_for_query);
  expect_goes_on();
  ask();
  expect_leaves();
  EXPECT_FALSE(engine_.engine().stay(*flow_.handle)) << "the backend is told already";
}

TEST_P(StopWhenIdle, StopDoesNotWaitForABackendThatNeverEnds) {
  log_in();
  ask();
  expect_leaves();
  expect_stays();
  engine_.engine().stop(*flow_.handle);
  expect_idle_end_now();
}

TEST_P(StopWhenIdle, ASessionThatHasNotLoggedInGoesOn) {
  start();
  ask();
  expect_stays();
  from_client("password");
  from_backend("R...");
  expect_stays();
  from_backend(ready_for_query);
  expect_idle_end();
}

TEST_P(StopWhenIdle, TheWatcherMayAskForIt) {
  start();
  flow_.owner.on_verdict = [&](std::string_view) {
    ask();
    return watch_verdict::done;
  };
  from_backend(ready_for_query);
  expect_idle_end();
}

TEST_P(StopWhenIdle, StopDoesNotWaitForAQuietMoment) {
  log_in(false);
  ask();
  expect_stays();
  engine_.engine().stop(*flow_.handle);
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::stopped);
  EXPECT_FALSE(flow_.owner.summary->is_idle_outside_transaction);
  EXPECT_TRUE(flow_.owner.summary->is_all_said) << "nobody could read it";
}

TEST_P(StopWhenIdle, StopBehindItEndsAtOnce) {
  log_in();
  from_client(query);
  ask();
  expect_stays();
  engine_.engine().stop(*flow_.handle);
  ask();
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::stopped);
  EXPECT_FALSE(flow_.owner.summary->is_idle_outside_transaction);
  EXPECT_EQ(flow_.owner.ends, 1U);
}

TEST_P(StopWhenIdle, AClientThatEndsFirstHasEndedIt) {
  log_in();
  from_client(query);
  ask();
  expect_stays();
  shut_down_writing(flow_.client.theirs);
  engine_.run_ready();
  EXPECT_TRUE(is_at_end(flow_.backend.theirs));
  from_backend(answer + ready_for_query);
  expect_stays();
  shut_down_writing(flow_.backend.theirs);
  ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
  EXPECT_EQ(flow_.end(), flow_end::client_closed);
}

TEST_P(StopWhenIdle, WaitsForTheClientToTakeTheEndOfTheAnswer) {
  log_in();
  from_client(query);
  std::size_t filled = 0;
  while (const std::size_t n = send_some(flow_.client.ours, std::string(4096, 'x'))) filled += n;
  send_some(flow_.backend.theirs, ready_for_query);
  ASSERT_TRUE(
      engine_.run_until([&] { return engine_.engine().stuck_bytes_held() == ready_for_query.size(); }));
  ask();
  expect_stays();
  EXPECT_EQ(engine_.receive(flow_.client.theirs, filled).size(), filled);
  expect_idle_end();
  EXPECT_EQ(read_available(flow_.client.theirs), ready_for_query);
}

// Bulk goes through a pipe and its last few bytes do not, so the end of an answer is always seen.
TEST_P(StopWhenIdle, WorksWhileBulkIsSpliced) {
  flow_ = test_flow(socket_kind::tcp);
  const int bytes = 512 * 1'024;
  ::setsockopt(flow_.backend.ours.value(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  log_in();
  from_client(query);
  const std::string rows = random_bytes(7, 16U << 20U) + ready_for_query;
  std::size_t sent = 0;
  std::string got;
  bool has_asked = false;
  ASSERT_TRUE(engine_.run_until([&] {
    sent += send_some(flow_.backend.theirs, std::string_view(rows).substr(sent));
    got += read_available(flow_.client.theirs);
    if (!has_asked && engine_.counters.spliced_bytes.value() > 0) {
      ask();
      has_asked = true;
    }
    const bool leaves = is_at_end(flow_.backend.theirs);
    EXPECT_TRUE(!leaves || sent == rows.size());
    return leaves;
  }));
  EXPECT_TRUE(has_asked) << "this was to be about splice";
  got += read_available(flow_.client.theirs);
  EXPECT_TRUE(got == rows);
  expect_idle_end();
}

INSTANTIATE_TEST_SUITE_P(Engines, StopWhenIdle, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
