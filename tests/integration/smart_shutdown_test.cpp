// A backend that waits for its sessions to end: those that are idle end at once, the others when they are.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "support/eventually.hpp"
#include "support/forwarding_engine.hpp"
#include "support/one_worker.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using routing::target_session_attrs;
using topology::session_verdict;

topology::backend_status shutting_down() {
  topology::backend_status status = proven_primary();
  status.is_rw_eligible = false;
  status.close_when_idle = true;
  status.reason = {topology::verdict_reason::kind::primary_shutting_down};
  return status;
}

topology::backend_status switching_over() {
  topology::backend_status status = shutting_down();
  status.reason = {topology::verdict_reason::kind::primary_switching_over};
  return status;
}

topology::backend_status fenced() {
  topology::backend_status status = shutting_down();
  status.sessions = session_verdict::close_all;
  return status;
}

void expect_told(fake_client& client) {
  const auto last = client.read_query_result();
  EXPECT_EQ(last.sqlstate, "57P01");
  EXPECT_EQ(last.message, "terminating connection because the backend is shutting down");
  EXPECT_EQ(last.end, stream_end::closed);
}

class SmartShutdown : public ::testing::Test {
 protected:
  void become(const topology::backend_status& status) { worker_.publish_backend(backend_, status); }
  fake_client log_in() {
    fake_client client = worker_.connect(app_startup_message());
    EXPECT_TRUE(client.read_login().is_logged_in);
    return client;
  }
  fake_client begin() {
    fake_client client = log_in();
    EXPECT_EQ(client.query("begin").status, 'T');
    return client;
  }
  // It is not new, and has been asked to leave once it is idle.
  fake_client begin_before_a_switchover() {
    worker_.publish_options([](runtime::options& options) { options.first_query_time = duration::zero(); });
    become(proven_primary());
    fake_client client = begin();
    become(switching_over());
    return client;
  }

  fake_postgres backend_{"primary", primary_role()};
  one_worker worker_{target_session_attrs::primary};
};

TEST_F(SmartShutdown, WhoeverIsIdleIsToldAndTheOthersWhenTheyAre) {
  become(proven_primary());
  fake_client idle = log_in();
  fake_client busy = begin();
  become(shutting_down());
  expect_told(idle);
  become(shutting_down());  // every decision says so again
  EXPECT_EQ(busy.query("whoami").value(), "primary") << "it is in a transaction";
  EXPECT_EQ(busy.query("commit").status, 'I') << "whose end it hears of";
  expect_told(busy);
  EXPECT_TRUE(eventually(patience, [&] { return backend_.counters().open_sessions == 0; }));
}

// It was let in just before, and is told once its login is over.
TEST_F(SmartShutdown, ALoginThatIsUnderWayIsFinished) {
  become(proven_primary());
  backend_.change([](fake_settings& settings) { settings.stops_in_hot_standby = true; });
  fake_client late = worker_.connect(app_startup_message());
  ASSERT_TRUE(eventually(patience, [&] { return backend_.counters().session_startups == 1; }));
  become(shutting_down());
  backend_.change([](fake_settings& settings) { settings.stops_in_hot_standby = false; });
  EXPECT_TRUE(late.read_login().is_logged_in);
  expect_told(late);
}

// Its driver has just been told that it may ask, and asks: that is not lost.
TEST_F(SmartShutdown, ItsFirstQueryIsAnsweredToo) {
  worker_.publish_options([](runtime::options& options) { options.first_query_time = beyond_patience; });
  become(proven_primary());
  fake_client known = log_in();
  backend_.change([](fake_settings& settings) { settings.stops_in_hot_standby = true; });
  fake_client late = worker_.connect(app_startup_message());
  ASSERT_TRUE(eventually(patience, [&] { return backend_.counters().session_startups == 2; }));
  become(shutting_down());
  backend_.change([](fake_settings& settings) { settings.stops_in_hot_standby = false; });
  EXPECT_TRUE(late.read_login().is_logged_in);
  EXPECT_EQ(late.query("whoami").value(), "primary");
  EXPECT_EQ(known.query("whoami").value(), "primary");
  become(fenced());
  EXPECT_EQ(late.read_query_result().sqlstate, "57P01") << "what must end at once does not wait";
  EXPECT_EQ(known.read_query_result().sqlstate, "57P01");
}

// Proof of a successor does not wait for the end of a transaction that is lost anyway, and says so.
TEST_F(SmartShutdown, WhatMustEndAtOnceDoesNotWait) {
  become(proven_primary());
  fake_client busy = begin();
  become(shutting_down());
  ASSERT_EQ(busy.query("whoami").value(), "primary");
  become(fenced());
  EXPECT_EQ(busy.read_until_end().end, stream_end::reset);
  using login::close_reason;
  const auto closed = [&](close_reason why) {
    return worker_.counters().closed[static_cast<std::size_t>(why)].value();
  };
  EXPECT_TRUE(eventually(patience, [&] { return closed(close_reason::fenced) == 1; }));
  EXPECT_EQ(closed(close_reason::backend_shutting_down), 0U);
}

TEST_F(SmartShutdown, WhoeverIsBusyStaysIfItIsCalledOff) {
  fake_client busy = begin_before_a_switchover();
  become(proven_primary());
  EXPECT_EQ(busy.query("commit").status, 'I');
  EXPECT_EQ(busy.query("whoami").value(), "primary");
}

TEST_F(SmartShutdown, TheReasonThatCameLastIsTold) {
  fake_client busy = begin_before_a_switchover();
  become(shutting_down());
  ASSERT_EQ(busy.query("commit").status, 'I');
  expect_told(busy);
}

// Its next query would be answered with a reset, and the rest of the answer be lost, if its socket were
// closed by then.
TEST_F(SmartShutdown, WhoeverHasNotReadItsAnswerGetsAllOfIt) {
  constexpr std::size_t bytes = 200'000;
  constexpr int receive_buffer_bytes = 4'096;
  become(proven_primary());
  fake_client slow = worker_.connect(app_startup_message(), receive_buffer_bytes);
  ASSERT_TRUE(slow.read_login().is_logged_in);
  ASSERT_TRUE(slow.send(wire::query("bulk " + std::to_string(bytes))));
  become(shutting_down());
  ASSERT_TRUE(eventually(patience, [&] { return worker_.session_count() == 0; }));
  EXPECT_GE(worker_.counters().bytes.sum()[1], bytes);
  ASSERT_TRUE(slow.send(wire::query("whoami")));
  ASSERT_TRUE(slow.wait_for_arrival());
  const auto rest = slow.read_until_end();
  EXPECT_GE(rest.bytes.size(), bytes);
  EXPECT_NE(rest.bytes.find("57P01"), std::string::npos);
  EXPECT_EQ(rest.end, stream_end::closed);
}

// How long a quiet moment the last session that was asked to leave waits for.
class noting_engine final : public forwarding_engine {
 public:
  using forwarding_engine::forwarding_engine;
  void stop_when_idle(relay::flow& target, duration quiet) override {
    last_quiet = quiet;
    forwarding_engine::stop_when_idle(target, quiet);
  }

  std::atomic<duration> last_quiet = duration::zero();
};

struct encrypted_primary : fake_postgres {
  encrypted_primary() : fake_postgres("primary", primary_role()) {
    change([](fake_settings& settings) { settings.tls = encryption_answer::yes; });
  }
};

fake_client connect_encrypted(one_worker& worker, std::optional<int> receive_buffer_bytes = std::nullopt) {
  fake_client client = worker.connect(wire::ssl_request(), receive_buffer_bytes);
  EXPECT_EQ(client.read_exactly(1).bytes, "S");
  client.send("hello");
  EXPECT_EQ(client.read_exactly(5).bytes, "hello");
  return client;
}

// There is nothing that it could be told, and an end that is none of its own failing.
TEST(SmartShutdownOfEncrypted, ASessionEndsAtAQuietMoment) {
  encrypted_primary backend;
  one_worker worker(target_session_attrs::primary);
  worker.publish_options([](runtime::options& options) { options.encrypted_idle_time = milliseconds{1}; });
  worker.publish_backend(backend, proven_primary());
  fake_client idle = connect_encrypted(worker);
  worker.publish_backend(backend, shutting_down());
  const auto rest = idle.read_until_end();
  EXPECT_EQ(rest.bytes, "");
  EXPECT_EQ(rest.end, stream_end::closed);
  EXPECT_TRUE(eventually(patience, [&] { return worker.session_count() == 0; }));
  const auto why = static_cast<std::size_t>(login::close_reason::backend_shutting_down);
  EXPECT_EQ(worker.counters().closed[why].value(), 1U);
}

// A drain is in no hurry, and a transaction that nobody sees may pause for longer than encrypted_idle_time.
TEST(DrainOfEncrypted, ASessionEndsAtALongerQuietMoment) {
  encrypted_primary backend;
  noting_engine* engine = nullptr;
  std::optional<noting_engine> noting;
  one_worker worker(target_session_attrs::primary, [&](relay::engine& real) -> relay::engine& {
    engine = &noting.emplace(real);
    return *engine;
  });
  worker.publish_options([](runtime::options& options) {
    options.encrypted_idle_time = options.first_query_time = milliseconds{1};
    options.first_query_time_of_drain = {};
  });
  worker.publish_backend(backend, proven_primary());
  fake_client idle = connect_encrypted(worker);
  worker.publish([](runtime::state& next) {
    next.orders.drain = runtime::drain_step::leaving;
    next.orders.leave_by = clock::now();
    next.orders.encrypted_quiet = milliseconds{300};
  });
  EXPECT_EQ(idle.read_until_end().bytes, "");
  EXPECT_EQ(engine->last_quiet.load(), milliseconds{300});
}

// Whatever ends it, nobody can tell it more than its backend has said.
TEST(SmartShutdownOfEncrypted, ASessionThatMustEndAtOnceGetsAllThatItHasNotRead) {
  constexpr std::size_t bytes = 200'000;
  constexpr int receive_buffer_bytes = 4'096;
  encrypted_primary backend;
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  fake_client slow = connect_encrypted(worker, receive_buffer_bytes);
  ASSERT_TRUE(slow.send(std::string(bytes, 'x')));
  ASSERT_TRUE(eventually(patience, [&] { return worker.relay_counters().bytes[1].value() >= bytes; }));
  worker.publish_backend(backend, fenced());
  ASSERT_TRUE(eventually(patience, [&] { return worker.session_count() == 0; }));
  ASSERT_TRUE(slow.send("something more"));
  ASSERT_TRUE(slow.wait_for_arrival());
  const auto rest = slow.read_until_end();
  EXPECT_EQ(rest.bytes.size(), bytes);
  EXPECT_EQ(rest.end, stream_end::closed);
}

// Its login may still be under way, which nobody sees.
TEST(SmartShutdownOfEncrypted, ASessionIsSparedWhenItIsNew) {
  encrypted_primary backend;
  std::optional<noting_engine> engine;
  one_worker worker(target_session_attrs::primary,
                    [&](relay::engine& real) -> relay::engine& { return engine.emplace(real); });
  const auto publish_idle_time = [&](duration time) {
    worker.publish_options([&](runtime::options& options) {
      options.encrypted_idle_time = time;
      options.first_query_time = duration::zero();  // it is not this
    });
  };
  publish_idle_time(beyond_patience);
  worker.publish_backend(backend, proven_primary());
  fake_client fresh = connect_encrypted(worker);
  worker.publish_backend(backend, shutting_down());
  EXPECT_EQ(engine->last_quiet.load(), duration::zero());
  fresh.close();
  EXPECT_TRUE(eventually(patience, [&] { return worker.session_count() == 0; }));

  publish_idle_time(milliseconds{10});
  worker.publish_backend(backend, proven_primary());
  fake_client known = connect_encrypted(worker);
  worker.publish_backend(backend, shutting_down());
  EXPECT_EQ(known.read_until_end().end, stream_end::closed) << "once it is not new any more";
  EXPECT_EQ(engine->last_quiet.load(), milliseconds{10});
}

// Has time for whoever waits for a quiet moment, always.
class leisurely_engine final : public forwarding_engine {
 public:
  using forwarding_engine::forwarding_engine;
  [[nodiscard]] std::optional<duration> leave_quiet(time_point /*now*/) override {
    ++looks;
    return beyond_patience;
  }

  std::atomic<int> looks = 0;
};

// The next look may be far off, as far as all those before were concerned.
TEST(SmartShutdownOfEncrypted, ASessionIsLookedAtInItsOwnTime) {
  encrypted_primary backend;
  std::optional<leisurely_engine> engine;
  one_worker worker(target_session_attrs::primary,
                    [&](relay::engine& real) -> relay::engine& { return engine.emplace(real); });
  worker.publish_options([](runtime::options& options) { options.encrypted_idle_time = milliseconds{1}; });
  worker.publish_backend(backend, proven_primary());
  const fake_client client = connect_encrypted(worker);
  worker.publish_backend(backend, shutting_down());
  ASSERT_TRUE(eventually(patience, [&] { return engine->looks == 1; }));
  worker.publish_backend(backend, shutting_down());
  EXPECT_TRUE(eventually(patience, [&] { return engine->looks == 2; }));
}

// The whole way: only a fresh login of the probe is refused, and its open connection still answers.
TEST(SmartShutdownWithProbe, IsSeenByTheProbeAndEndsItsConnectionToo) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client idle(proxy.rw());
  ASSERT_TRUE(idle.startup().is_logged_in);
  cluster.primary().change([](fake_settings& settings) {
    settings.probe_logins.otherwise = {login_behaviour::error, "57P03",
                                       "the database system is shutting down"};
  });
  expect_told(idle);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "backend_shutting_down", 1));
  EXPECT_EQ(who_answers(proxy.impatient()), "57P03");
  EXPECT_GE(proxy.metric("pgsteer_probes_total", {{"outcome", "shutting_down"}}), 1);
  cluster.standby(1).promote(2);
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "standby-1"; }));
}

}  // namespace
}  // namespace pgsteer::test
