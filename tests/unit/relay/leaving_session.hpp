#pragma once
// leaving_session: a session that is asked to leave, whose client and backend the test plays.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "unit/relay/harness.hpp"
#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay::testing {

using std::string_literals::operator""s;

inline const std::string in_transaction = "Z\0\0\0\5T"s;
inline const std::string query = "Q\0\0\0\x0Dselect 1\0"s;
inline const std::string answer = "C\0\0\0\x0DSELECT 1\0"s;

class leaving_session : public on_each_engine {
 protected:
  void start(bool is_readable = true) {
    flow_start start = flow_.start();
    start.is_watched = is_readable;
    flow_.owner.on_verdict = [](std::string_view) { return watch_verdict::done; };
    flow_.handle = engine_.engine().start(start);
  }
  // A session that is logged in and idle.
  void log_in(bool is_readable = true) {
    start(is_readable);
    from_backend(ready_for_query);
  }
  void from_client(const std::string& bytes) {
    EXPECT_EQ(send_some(flow_.client.theirs, bytes), bytes.size());
    EXPECT_EQ(engine_.receive(flow_.backend.theirs, bytes.size()), bytes);
  }
  void from_backend(const std::string& bytes) {
    EXPECT_EQ(send_some(flow_.backend.theirs, bytes), bytes.size());
    EXPECT_EQ(engine_.receive(flow_.client.theirs, bytes.size()), bytes);
  }
  void ask(duration quiet = seconds{1}) { engine_.engine().stop_when_idle(*flow_.handle, quiet); }
  static time_point at(int milliseconds_later) {
    return time_point(std::chrono::hours{1}) + milliseconds{milliseconds_later};
  }
  // Returns after what time to look again.
  std::optional<duration> look_at(int milliseconds_later) {
    engine_.run_ready();
    const auto next = engine_.engine().leave_quiet(at(milliseconds_later));
    engine_.run_ready();
    return next;
  }
  void expect_stays() {
    engine_.run_ready();
    EXPECT_FALSE(flow_.has_ended());
  }
  // Nor does it leave.
  void expect_goes_on() {
    expect_stays();
    EXPECT_FALSE(is_at_end(flow_.backend.theirs));
  }
  // The backend is told, and answers no more.
  void expect_idle_end() {
    expect_leaves();
    shut_down_writing(flow_.backend.theirs);
    expect_idle_end_now();
  }
  void expect_leaves() {
    ASSERT_TRUE(engine_.run_until([&] { return is_at_end(flow_.backend.theirs); }));
    EXPECT_FALSE(flow_.has_ended()) << "it may still answer";
  }
  void expect_idle_end_now(bool is_readable = true) {
    ASSERT_TRUE(engine_.run_until([&] { return flow_.has_ended(); }));
    EXPECT_EQ(flow_.end(), flow_end::stopped);
    EXPECT_EQ(flow_.owner.summary->is_idle_outside_transaction, is_readable);
    EXPECT_EQ(flow_.owner.summary->is_all_said, !is_readable);
    EXPECT_EQ(flow_.owner.ends, 1U);
    EXPECT_EQ(engine_.engine().flow_count(), 0U);
  }

  harness engine_{GetParam()};
  test_flow flow_;
};

}  // namespace pgsteer::relay::testing
