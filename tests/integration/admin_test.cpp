// What operators and their tools read: readiness, topology and metrics of a running pgsteer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "support/eventually.hpp"
#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

std::vector<std::string> keys(const boost::json::object& object) {
  std::vector<std::string> names;
  for (const auto& entry : object) names.emplace_back(entry.key());
  return names;
}

const boost::json::object* find_backend(const boost::json::value& topology, const endpoint& address) {
  for (const auto& backend : topology.at("backends").as_array()) {
    if (backend.at("address").as_string() == to_string(address)) return &backend.as_object();
  }
  return nullptr;
}

// Kubernetes sends traffic while /readyz says 200: as long as one listener has somewhere to go.
TEST(Admin, SaysWhenItIsReady) {
  fake_postgres primary("primary", primary_role());
  primary.stop_listening();
  test_proxy proxy({primary.address()});
  EXPECT_EQ(proxy.admin_get("/livez").status, 200);
  EXPECT_EQ(proxy.admin_get("/readyz").status, 503);
  primary.listen_again();
  EXPECT_TRUE(eventually(patience, [&] { return proxy.admin_get("/readyz").status == 200; }));
  EXPECT_THAT(proxy.admin_get("/readyz").body,
              testing::AllOf(testing::HasSubstr("rw"), testing::HasSubstr("ro")));
  primary.crash();
  EXPECT_TRUE(eventually(patience, [&] { return proxy.admin_get("/readyz").status == 503; }));
  EXPECT_EQ(proxy.admin_get("/livez").status, 200);
  EXPECT_EQ(proxy.admin_get("/nothing/here").status, 404);
}

// The page's keys are a contract: some may be added, none may go.
TEST(Admin, ShowsTheTopology) {
  fake_cluster cluster(1);
  cluster.primary().change([](fake_settings& settings) { settings.role.write_lsn = 0x1'0BAF'6F78; });
  cluster.standby(1).change([](fake_settings& settings) {
    settings.role.receive_lsn = settings.role.replay_lsn = 0x1'0BAF'6F78 - 4'096;
  });
  const time_point started = clock::now();
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  ASSERT_TRUE(client.startup().is_logged_in);
  ASSERT_TRUE(eventually(patience, [&] {
    const auto seen = proxy.topology();
    return find_backend(seen, cluster.standby(1).address())->at("replay_lag_bytes").to_number<int>() == 4'096;
  }));
  const boost::json::value topology = proxy.topology();
  EXPECT_THAT(keys(topology.as_object()),
              testing::IsSupersetOf(std::vector<std::string>{"generation", "system_identifier",
                                                             "fence_timeline", "primary", "backends"}));
  EXPECT_GT(topology.at("generation").to_number<int>(), 0);
  EXPECT_EQ(topology.at("system_identifier").as_string(), std::to_string(primary_role().system_identifier));
  EXPECT_EQ(topology.at("fence_timeline").to_number<int>(), 1);
  EXPECT_EQ(topology.at("primary").as_string(), to_string(cluster.primary().address()));

  const auto* primary = find_backend(topology, cluster.primary().address());
  ASSERT_NE(primary, nullptr);
  EXPECT_THAT(keys(*primary), testing::IsSupersetOf(std::vector<std::string>{
                                  "address", "role", "timeline", "lsn", "replay_lag_bytes", "rw_eligible",
                                  "ro_eligible", "reason", "sessions", "probe_age_ms"}));
  EXPECT_EQ(primary->at("role").as_string(), "primary");
  EXPECT_EQ(primary->at("timeline").to_number<int>(), 1);
  EXPECT_EQ(primary->at("lsn").as_string(), "1/BAF6F78");
  EXPECT_TRUE(primary->at("rw_eligible").as_bool());
  EXPECT_FALSE(primary->at("ro_eligible").as_bool());
  EXPECT_EQ(primary->at("sessions").to_number<int>(), 1);
  EXPECT_LE(milliseconds(primary->at("probe_age_ms").to_number<int>()), clock::now() - started);
  EXPECT_FALSE(primary->at("reason").as_string().empty());
  const auto* standby = find_backend(topology, cluster.standby(1).address());
  ASSERT_NE(standby, nullptr);
  EXPECT_EQ(standby->at("role").as_string(), "standby");
  EXPECT_FALSE(standby->at("reason").as_string().empty());
}

// What the status page lives on: ids join the three documents.
TEST(Admin, TellsTheTrafficAndEachFailover) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  const auto get = [&](const char* path) { return boost::json::parse(proxy.admin_get(path).body); };
  fake_client client(proxy.rw());
  ASSERT_TRUE(client.startup().is_logged_in);
  // A client may have its answer before that is counted.
  boost::json::value traffic;
  EXPECT_TRUE(eventually(patience, [&] {
    traffic = get("/api/v1/traffic");
    return traffic.at("listeners").at(0).at("bytes_to_client_total").to_number<int>() > 0;
  }));
  EXPECT_EQ(traffic.at("listeners").at(0).at("name").as_string(), "rw");
  EXPECT_EQ(traffic.at("listeners").at(0).at("sessions").to_number<int>(), 1);
  EXPECT_EQ(traffic.at("listeners").at(0).at("accepted_total").to_number<int>(), 1);
  const boost::json::value topology = proxy.topology();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(traffic.at("backends").at(i).at("id"), topology.at("backends").at(i).at("id"));
    EXPECT_EQ(traffic.at("backends").at(i).at("sessions"), topology.at("backends").at(i).at("sessions"));
  }
  EXPECT_TRUE(get("/api/v1/failovers").at("failovers").as_array().empty());

  cluster.standby(1).promote(2);
  cluster.primary().demote(2);
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "standby-1"; }));
  ASSERT_TRUE(eventually(patience, [&] {
    const auto told = get("/api/v1/failovers");
    return !told.at("failovers").as_array().empty() &&
           told.at("failovers").at(0).at("stage").as_string() == "over" &&
           told.at("role_changes").as_array().size() == 2;
  }));
  const boost::json::value told = get("/api/v1/failovers");
  const boost::json::value& failover = told.at("failovers").at(0);
  EXPECT_EQ(failover.at("from").at("address").as_string(), to_string(cluster.primary().address()));
  EXPECT_EQ(failover.at("to").at("address").as_string(), to_string(cluster.standby(1).address()));
  EXPECT_EQ(failover.at("from").at("timeline").to_number<int>(), 1);
  EXPECT_EQ(failover.at("to").at("timeline").to_number<int>(), 2);
  EXPECT_GE(failover.at("total_ms").to_number<int>(), failover.at("prove_ms").to_number<int>());
  // It grows until all that was held is accounted for.
  EXPECT_TRUE(eventually(patience, [&] {
    return get("/api/v1/traffic").at("history_revision") == get("/api/v1/failovers").at("revision");
  }));
}

// Whatever ends a session is counted once: over a mixed day the sum of the reasons is what came minus what
// is.
TEST(Admin, CountsEverySessionOnce) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.limits.sessions_max = 12;
    // More than ten times what a login on a busy machine needs, as only the idle client is to meet it.
    options.runtime.login.startup_timeout = seconds{2};
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  std::vector<fake_client> staying;
  for (int i = 0; i < 5; ++i) {
    staying.emplace_back(i % 2 == 0 ? proxy.rw() : proxy.ro());
    ASSERT_TRUE(staying.back().startup().is_logged_in);
  }
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
  fake_client(proxy.ro()).send("GET / HTTP/1.0\r\n\r\n");
  { fake_client leaves_early(proxy.ro()); }
  fake_client idle(proxy.rw());
  EXPECT_NE(idle.read_until_end().end, stream_end::timed_out);
  cluster.primary().fail_logins(1, "28P01");
  EXPECT_EQ(who_answers(proxy.rw()), "28P01");
  EXPECT_EQ(send_cancel(proxy.rw(), 1, "none"), stream_end::closed);
  staying.back().reset();
  cluster.primary().crash();
  ASSERT_TRUE(proxy.wait_for_backends(0, 2));
  EXPECT_EQ(who_answers(proxy.impatient()), "57P03");

  EXPECT_TRUE(proxy.accounts_balance());
  for (const std::string listener : {"rw", "ro", "impatient"}) {
    SCOPED_TRACE(listener);
    EXPECT_TRUE(eventually(patience, [&] {
      const std::string text = proxy.admin_get("/metrics").body;
      const test_proxy::labels label{{"listener", listener}};
      return metric_in(text, "pgsteer_sessions_accepted_total", label) ==
             metric_in(text, "pgsteer_sessions", label) +
                 metric_in(text, "pgsteer_sessions_closed_total", label);
    }));
  }
  EXPECT_TRUE(proxy.wait_for_closed("rw", "startup_timeout", 1));
  EXPECT_TRUE(proxy.wait_for_closed("rw", "login_failed", 1));
  EXPECT_TRUE(proxy.wait_for_closed("impatient", "hold_timeout", 1));
  EXPECT_TRUE(proxy.wait_for_closed("rw", "cancel_request", 1));
  EXPECT_TRUE(proxy.wait_for_closed("ro", "malformed_startup", 1));
}

// Dashboards and alerts name these; a rename would silence them.
TEST(Admin, ExposesItsMetricsByName) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
  const std::string text = proxy.admin_get("/metrics").body;
  for (const std::string name : {"pgsteer_sessions_accepted_total",
                                 "pgsteer_sessions_rejected_total",
                                 "pgsteer_sessions",
                                 "pgsteer_sessions_closed_total",
                                 "pgsteer_logins_held",
                                 "pgsteer_logins_held_total",
                                 "pgsteer_logins_hold_expired_total",
                                 "pgsteer_login_retries_total",
                                 "pgsteer_stale_primary_refusals_total",
                                 "pgsteer_session_bytes_total",
                                 "pgsteer_login_seconds",
                                 "pgsteer_backend_sessions",
                                 "pgsteer_backend_sessions_total",
                                 "pgsteer_backend_dial_failures_total",
                                 "pgsteer_cancels_total",
                                 "pgsteer_probes_total",
                                 "pgsteer_probe_seconds",
                                 "pgsteer_backend_role",
                                 "pgsteer_backend_rw_eligible",
                                 "pgsteer_backend_ro_eligible",
                                 "pgsteer_backend_timeline",
                                 "pgsteer_backend_replay_lag_bytes",
                                 "pgsteer_topology_generation",
                                 "pgsteer_fence_timeline",
                                 "pgsteer_primary_known",
                                 "pgsteer_primary_ambiguous",
                                 "pgsteer_fence_unsaved",
                                 "pgsteer_primary_changes_total",
                                 "pgsteer_relay_bytes_total",
                                 "pgsteer_worker_sessions",
                                 "pgsteer_build_info",
                                 "pgsteer_start_time_seconds"}) {
    EXPECT_THAT(text, testing::HasSubstr("# TYPE " + name + " "));
  }
  EXPECT_EQ(metric_in(text, "pgsteer_primary_known", {}), 1);
  EXPECT_EQ(metric_in(text, "pgsteer_sessions_accepted_total", rw_label), 1);
  EXPECT_GE(metric_in(text, "pgsteer_probes_total", {{"outcome", "answered"}}), 2);
  // Both are counted down at the end of the session, one after the other.
  EXPECT_TRUE(eventually(patience, [&] {
    return proxy.metric("pgsteer_worker_sessions") == 0 && proxy.metric("pgsteer_sessions") == 0;
  }));
}

}  // namespace
}  // namespace pgsteer::test
