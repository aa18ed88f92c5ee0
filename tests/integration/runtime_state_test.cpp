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

TEST(RuntimeState, TheEndOfADrainEndsIdleSessionsWithAWord) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  fake_client client = worker.connect(app_startup_message());
  ASSERT_TRUE(client.read_login().is_logged_in);
  worker.publish([](runtime::state& next) { next.orders.drain = runtime::drain_step::waiting; });
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
