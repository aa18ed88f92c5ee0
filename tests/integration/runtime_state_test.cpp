// What changes while sessions live: they go by the state of the moment, not by that of their beginning.
#include <gtest/gtest.h>

#include "support/eventually.hpp"
#include "support/one_worker.hpp"

namespace pgsteer::test {
namespace {

using routing::target_session_attrs;

// A listener whose route is changed to the primary promises that to the sessions that it has.
TEST(RuntimeState, ASessionGoesByTheRouteOfTheMoment) {
  fake_postgres backend("standby", standby_role());
  one_worker worker(target_session_attrs::standby);
  worker.publish_backend(backend, proven_standby());
  fake_client client = worker.connect(app_startup_message());
  ASSERT_TRUE(client.read_login().is_logged_in);
  worker.publish_route(target_session_attrs::any);
  ASSERT_EQ(client.query("whoami").value(), "standby");
  worker.publish_route(target_session_attrs::primary);
  const auto last = client.read_query_result();
  EXPECT_EQ(last.sqlstate, "57P01");
  EXPECT_EQ(last.message, "terminating connection because the backend is no longer the primary");
}

TEST(RuntimeState, AHeldLoginGoesByTheRouteOfTheMoment) {
  fake_postgres backend("standby", standby_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_standby());
  fake_client client = worker.connect(app_startup_message());
  ASSERT_TRUE(eventually(patience, [&] { return worker.counters().held.value() == 1; }));
  worker.publish_route(target_session_attrs::standby);
  ASSERT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "standby");
}

// Until every worker has let go of the old primary.
TEST(RuntimeState, ALoginIsHeldWhileRwIsClosed) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish([](runtime::state& next) { next.is_rw_closed = true; });
  worker.publish_backend(backend, proven_primary());
  fake_client client = worker.connect(app_startup_message());
  ASSERT_TRUE(eventually(patience, [&] { return worker.counters().held.value() == 1; }));
  EXPECT_EQ(backend.counters().session_connections, 0U);
  worker.publish([](runtime::state& next) { next.is_rw_closed = false; });
  EXPECT_TRUE(client.read_login().is_logged_in);
}

TEST(RuntimeState, ADrainEndsSessionsAtTheirIdleMoment) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  std::vector<fake_client> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(worker.connect(app_startup_message()));
    ASSERT_TRUE(idle.back().read_login().is_logged_in);
  }
  fake_client busy = worker.connect(app_startup_message());
  ASSERT_TRUE(busy.read_login().is_logged_in);
  ASSERT_EQ(busy.query("begin").status, 'T');
  worker.publish([](runtime::state& next) {
    next.orders.drain = runtime::drain_step::leaving;
    next.orders.leave_by = clock::now() + milliseconds{100};
  });
  for (fake_client& each : idle) EXPECT_EQ(each.read_query_result().sqlstate, "57P01");
  EXPECT_EQ(busy.query("whoami").value(), "primary") << "in its transaction";
  EXPECT_EQ(busy.query("commit").status, 'I');
  EXPECT_EQ(busy.read_query_result().sqlstate, "57P01");
}

// It was accepted before: its first query is answered, then it is called like the others.
TEST(RuntimeState, ASessionThatBeginsDuringADrainIsCalledToo) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  worker.publish([](runtime::state& next) {
    next.orders.drain = runtime::drain_step::leaving;
    next.orders.leave_by = clock::now();
  });
  fake_client late = worker.connect(app_startup_message());
  ASSERT_TRUE(late.read_login().is_logged_in);
  EXPECT_EQ(late.query("whoami").value(), "primary");
  EXPECT_EQ(late.read_query_result().sqlstate, "57P01");
}

// Whoever has just logged in is about to ask something, which an end now would fail: a drain has time for
// that.
TEST(RuntimeState, ADrainSparesWhoHasJustLoggedIn) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  fake_client client = worker.connect(app_startup_message());
  ASSERT_TRUE(client.read_login().is_logged_in);
  const time_point logged_in = clock::now();
  worker.publish_options([](runtime::options& next) { next.first_query_time_of_drain = milliseconds{500}; });
  worker.publish([](runtime::state& next) { next.orders.drain = runtime::drain_step::leaving; });
  EXPECT_EQ(client.read_query_result().sqlstate, "57P01");
  EXPECT_GE(clock::now() - logged_in, milliseconds{450});
}

// Its clients come back elsewhere, each a new process at the backend: not all of them at once.
TEST(RuntimeState, ADrainTakesItsTimeToCallAll) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  constexpr int count = 30;
  std::vector<fake_client> idle;
  for (int i = 0; i < count; ++i) {
    idle.push_back(worker.connect(app_startup_message()));
    ASSERT_TRUE(idle.back().read_login().is_logged_in);
  }
  worker.publish_options([](runtime::options& next) { next.first_query_time_of_drain = {}; });
  const time_point asked = clock::now();
  worker.publish([](runtime::state& next) { next.orders.drain = runtime::drain_step::leaving; });
  for (fake_client& each : idle) EXPECT_EQ(each.read_query_result().sqlstate, "57P01");
  EXPECT_GE(clock::now() - asked, (count - 1) * milliseconds{10});
}

TEST(RuntimeState, TheEndOfADrainEndsIdleSessionsWithAWord) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  fake_client client = worker.connect(app_startup_message());
  ASSERT_TRUE(client.read_login().is_logged_in);
  worker.publish([](runtime::state& next) { next.orders.drain = runtime::drain_step::announced; });
  EXPECT_EQ(client.query("whoami").value(), "primary") << "it may go on until then";
  worker.drain();
  EXPECT_EQ(client.read_query_result().sqlstate, "57P01");
}

// It was accepted before, and has been on its way to the worker meanwhile.
TEST(RuntimeState, ASessionThatComesAfterADrainEndsAtOnce) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  worker.drain();
  fake_client client = worker.connect();
  const auto last = client.read_query_result();
  EXPECT_EQ(last.sqlstate, "57P01");
  EXPECT_EQ(worker.session_count(), 0U);
}

}  // namespace
}  // namespace pgsteer::test
