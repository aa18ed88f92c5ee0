#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pgsteer/metrics/server_counters.hpp"
#include "unit/metrics/text_format.hpp"

namespace pgsteer::metrics {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A view with something in every field, each figure its own.
class Exposition : public testing::Test {
 protected:
  Exposition() {
    rw_.accepted.add(11);
    rw_.rejected.add(12);
    rw_.active.add(15);
    rw_.active.subtract(2);
    rw_.held.set(14);
    rw_.held_total.add(15);
    rw_.hold_expired.add(16);
    rw_.hold_released.add(22);
    rw_.retried.add(17);
    rw_.stale_refused.add(18);
    rw_.bytes.add().bytes[0].add_alone(9);  // one worker's, and another's
    rw_.bytes.add().bytes[0].add_alone(10);
    rw_.bytes.add().bytes[1].add_alone(20);
    rw_.closed[1].add(21);
    rw_.login.observe(0.004);
    rw_.login.observe(0.004);
    rw_.login.observe(120);
    rw_.hold.observe(2);
    first_.sessions.add(31);
    first_.sessions_total.add(32);
    first_.dial_failures.add(33);
    first_.logins_answered.add(34);
    first_.logins_let_in.add(37);
    failovers_.detect.observe(0.01);
    failovers_.prove.observe(0.05);
    failovers_.login.observe(0.004);
    failovers_.total.observe(0.064);
    cancels_.forwarded.add(41);
    cancels_.broadcast.add(42);
    cancels_.dropped.add(43);
    probes_.results["answered"] = 51;
    probes_.results["refused"] = 52;
    probes_.duration.observe(0.002);
    relay_.bytes[0].add(61);
    relay_.bytes[1].add(62);
    relay_.turns.add(63);
    relay_.stalls.add(64);
    relay_.spliced_bytes.add(65);
    relay_.spins.add(66);
    relay_.vain_spins.add(67);

    view_.version = "1.2.3";
    view_.start_time_seconds = 1700000000.25;
    view_.log_lines_lost = 17;
    view_.process = {91.5, 92, 93, 94};
    view_.limits = {{"sessions", 95, 96}, {"concurrent_dials", 64, {}}};
    view_.listeners = {&rw_, &ro_};
    view_.close_reasons = {"client_closed", "backend_lost"};
    fill_backends();
    view_.discovery = {{"pods", true, 81, {{"added", 82}, {"bookmark", 83}}, {{"gone", 84}}, 12.5}};
    view_.reloads = &reloads_;
    view_.cancels = &cancels_;
    view_.probes = &probes_;
    view_.failovers = &failovers_;
    view_.workers = {&relay_};
    view_.worker_sessions = {71, 72};
    view_.topology_generation = 7;
    view_.fence_timeline = 3;
    view_.has_primary = true;
    view_.is_rw_closed = true;
    view_.primary_changes = 2;
    view_.primary_since_seconds = 1700000100.5;
  }

  void fill_backends() {
    view_.backends = {
        {"10.0.0.1:5432", "primary", true, false, 3, 0, 0, 0.041, 47, &first_, 35, 36},
        {"[fd00::2]:5432", "standby", false, true, 3, 16777216, 1.5, -1, -1, nullptr, 0, 0},
    };
    view_.backends[0].zone = "west";
    view_.backends[0].is_in_own_zone = true;
    view_.backends[1].order = "drain";
  }

  listener_counters rw_{"rw", 2};
  listener_counters ro_{"ro", 2};
  backend_counters first_;
  reload_counters reloads_{101, 102, 103, false, 1700000200.75};
  cancel_counters cancels_;
  probe_counters probes_;
  failover_histograms failovers_;
  relay_counters relay_;
  metrics_view view_;
};

struct series_case {
  const char* series;
  double value;
};

// What view_ is to be told as.
const series_case series_cases[] = {
    {R"(pgsteer_build_info{version="1.2.3"})", 1},
    {"pgsteer_log_lines_lost_total", 17},
    {R"(pgsteer_start_time_seconds)", 1700000000.25},
    {"process_cpu_seconds_total", 91.5},
    {"process_resident_memory_bytes", 92},
    {"process_open_fds", 93},
    {"process_max_fds", 94},
    {R"(pgsteer_limit_max{limit="sessions"})", 95},
    {R"(pgsteer_limit_max{limit="concurrent_dials"})", 64},
    {R"(pgsteer_limit_used{limit="sessions"})", 96},
    {R"(pgsteer_config_reloads_total{result="applied"})", 101},
    {R"(pgsteer_config_reloads_total{result="invalid"})", 102},
    {R"(pgsteer_config_reloads_total{result="impossible"})", 103},
    {R"(pgsteer_config_last_reload_successful)", 0},
    {R"(pgsteer_config_last_reload_success_timestamp_seconds)", 1700000200.75},
    {R"(pgsteer_topology_generation)", 7},
    {R"(pgsteer_fence_timeline)", 3},
    {R"(pgsteer_primary_known)", 1},
    {R"(pgsteer_rw_closed)", 1},
    {R"(pgsteer_primary_ambiguous)", 0},
    {R"(pgsteer_fence_unsaved)", 0},
    {R"(pgsteer_primary_changes_total)", 2},
    {R"(pgsteer_primary_since_timestamp_seconds)", 1700000100.5},
    {R"(pgsteer_sessions_accepted_total{listener="rw"})", 11},
    {R"(pgsteer_sessions_accepted_total{listener="ro"})", 0},
    {R"(pgsteer_sessions_rejected_total{listener="rw"})", 12},
    {R"(pgsteer_sessions{listener="rw"})", 13},
    {R"(pgsteer_logins_held{listener="rw"})", 14},
    {R"(pgsteer_logins_held_total{listener="rw"})", 15},
    {R"(pgsteer_logins_hold_expired_total{listener="rw"})", 16},
    {R"(pgsteer_logins_released_total{listener="rw"})", 22},
    {R"(pgsteer_login_retries_total{listener="rw"})", 17},
    {R"(pgsteer_stale_primary_refusals_total{listener="rw"})", 18},
    {R"(pgsteer_session_bytes_total{listener="rw",direction="client_to_backend"})", 19},
    {R"(pgsteer_session_bytes_total{listener="rw",direction="backend_to_client"})", 20},
    {R"(pgsteer_sessions_closed_total{listener="rw",reason="client_closed"})", 0},
    {R"(pgsteer_sessions_closed_total{listener="rw",reason="backend_lost"})", 21},
    {R"(pgsteer_login_seconds_bucket{listener="rw",le="0.0025"})", 0},
    {R"(pgsteer_login_seconds_bucket{listener="rw",le="0.005"})", 2},
    {R"(pgsteer_login_seconds_bucket{listener="rw",le="60"})", 2},
    {R"(pgsteer_login_seconds_bucket{listener="rw",le="+Inf"})", 3},
    {R"(pgsteer_login_seconds_count{listener="rw"})", 3},
    {R"(pgsteer_login_seconds_sum{listener="rw"})", 120.008},
    {R"(pgsteer_hold_seconds_bucket{listener="rw",le="1"})", 0},
    {R"(pgsteer_hold_seconds_bucket{listener="rw",le="2.5"})", 1},
    {R"(pgsteer_hold_seconds_sum{listener="rw"})", 2},
    {R"(pgsteer_backend_role{backend="10.0.0.1:5432",role="primary"})", 1},
    {R"(pgsteer_backend_role{backend="[fd00::2]:5432",role="standby"})", 1},
    {R"(pgsteer_backend_own_zone{backend="10.0.0.1:5432",zone="west"})", 1},
    {R"(pgsteer_backend_order{backend="[fd00::2]:5432",order="drain"})", 1},
    {R"(pgsteer_backend_rw_eligible{backend="10.0.0.1:5432"})", 1},
    {R"(pgsteer_backend_ro_eligible{backend="10.0.0.1:5432"})", 0},
    {R"(pgsteer_backend_timeline{backend="10.0.0.1:5432"})", 3},
    {R"(pgsteer_backend_replay_lag_bytes{backend="[fd00::2]:5432"})", 16777216},
    {R"(pgsteer_backend_replay_delay_seconds{backend="[fd00::2]:5432"})", 1.5},
    {R"(pgsteer_backend_probe_age_seconds{backend="10.0.0.1:5432"})", 0.041},
    {R"(pgsteer_backend_connections_free{backend="10.0.0.1:5432"})", 47},
    {R"(pgsteer_backend_sessions{backend="10.0.0.1:5432"})", 31},
    {R"(pgsteer_backend_sessions_total{backend="10.0.0.1:5432"})", 32},
    {R"(pgsteer_backend_dial_failures_total{backend="10.0.0.1:5432"})", 33},
    {R"(pgsteer_backend_logins_answered_total{backend="10.0.0.1:5432"})", 34},
    {R"(pgsteer_backend_logins_let_in_total{backend="10.0.0.1:5432"})", 37},
    {R"(pgsteer_backend_dials{backend="10.0.0.1:5432"})", 35},
    {R"(pgsteer_backend_dials_waiting{backend="10.0.0.1:5432"})", 36},
    {R"(pgsteer_failover_phase_seconds_sum{phase="total"})", 0.064},
    {R"(pgsteer_discovery_watching{resource="pods"})", 1},
    {R"(pgsteer_discovery_lists_total{resource="pods"})", 81},
    {R"(pgsteer_discovery_events_total{resource="pods",type="added"})", 82},
    {R"(pgsteer_discovery_events_total{resource="pods",type="bookmark"})", 83},
    {R"(pgsteer_discovery_errors_total{resource="pods",kind="gone"})", 84},
    {R"(pgsteer_discovery_answer_age_seconds{resource="pods"})", 12.5},
    {R"(pgsteer_cancels_total{result="forwarded"})", 41},
    {R"(pgsteer_cancels_total{result="broadcast"})", 42},
    {R"(pgsteer_cancels_total{result="dropped"})", 43},
    {R"(pgsteer_probes_total{outcome="answered"})", 51},
    {R"(pgsteer_probes_total{outcome="refused"})", 52},
    {R"(pgsteer_probe_seconds_count)", 1},
    {R"(pgsteer_relay_bytes_total{worker="0",direction="client_to_backend"})", 61},
    {R"(pgsteer_relay_bytes_total{worker="0",direction="backend_to_client"})", 62},
    {R"(pgsteer_relay_turns_total{worker="0"})", 63},
    {R"(pgsteer_relay_stalls_total{worker="0"})", 64},
    {R"(pgsteer_relay_spliced_bytes_total{worker="0"})", 65},
    {R"(pgsteer_relay_spins_total{worker="0"})", 66},
    {R"(pgsteer_relay_vain_spins_total{worker="0"})", 67},
    {R"(pgsteer_worker_sessions{worker="0"})", 71},
    {R"(pgsteer_worker_sessions{worker="1"})", 72},
};

TEST_F(Exposition, WritesEveryMetricOfTheContract) {
  const auto read = read_text_format(exposition(view_));
  std::set<std::string> families;
  for (const auto& each : series_cases) {
    SCOPED_TRACE(each.series);
    const auto sample = read.samples.find(each.series);
    ASSERT_NE(sample, read.samples.end());
    EXPECT_DOUBLE_EQ(sample->second, each.value);
    families.insert(read.family_of.at(each.series));
  }
  EXPECT_EQ(families.size(), read.types.size()) << "a family that this table does not know";
}

TEST_F(Exposition, HasOneSeriesForEachPhaseOfAFailover) {
  const auto read = read_text_format(exposition(view_));
  const auto sum = [&](const std::string& phase) {
    return read.samples.at("pgsteer_failover_phase_seconds_sum{phase=\"" + phase + "\"}");
  };
  EXPECT_DOUBLE_EQ(sum("detect"), 0.01);
  EXPECT_DOUBLE_EQ(sum("prove"), 0.05);
  EXPECT_DOUBLE_EQ(sum("login"), 0.004);
  EXPECT_DOUBLE_EQ(sum("total"), 0.064);
}

TEST_F(Exposition, IsValidTextFormat) {
  const auto read = read_text_format(exposition(view_));
  EXPECT_THAT(read.complaints, IsEmpty());
  for (const auto& [family, type] : read.types) {
    SCOPED_TRACE(family);
    EXPECT_TRUE(family.starts_with("pgsteer_") || family.starts_with("process_"));
    EXPECT_TRUE(read.help.contains(family));
    EXPECT_EQ(type == "counter", family.ends_with("_total"));
  }
}

TEST_F(Exposition, HistogramBucketsNeverFallAndEndAtTheCount) {
  const std::string text = exposition(view_);
  double last = 0;
  std::size_t buckets = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(R"(pgsteer_login_seconds_bucket{listener="rw")")) continue;
    const double value = std::stod(line.substr(line.rfind(' ')));
    EXPECT_GE(value, last) << line;
    last = value;
    ++buckets;
  }
  EXPECT_EQ(buckets, duration_histogram::bounds_seconds.size() + 1);
  EXPECT_EQ(last, 3);
}

TEST_F(Exposition, LeavesOutWhatABackendThatNeverAnsweredWouldSay) {
  EXPECT_THAT(exposition(view_), Not(HasSubstr(R"(connections_free{backend="[fd00::2]:5432"})")));
  EXPECT_THAT(exposition(view_), Not(HasSubstr(R"(probe_age_seconds{backend="[fd00::2]:5432"})")));
}

TEST_F(Exposition, LeavesOutWhatTheKernelDoesNotTell) {
  view_.process = {};
  EXPECT_THAT(exposition(view_), Not(HasSubstr("process_")));
}

TEST_F(Exposition, SaysNothingOfTheUseOfALimitThatEachBackendHasForItself) {
  EXPECT_THAT(exposition(view_), Not(HasSubstr(R"(limit_used{limit="concurrent_dials"})")));
}

TEST_F(Exposition, DoesNotDateAPrimaryThatThereWasNone) {
  view_.primary_since_seconds = 0;
  EXPECT_THAT(exposition(view_), Not(HasSubstr("primary_since")));
}

TEST_F(Exposition, LeavesOutAZoneThatIsNotKnown) {
  EXPECT_THAT(exposition(view_), Not(HasSubstr(R"(own_zone{backend="[fd00::2]:5432")")));
}

TEST_F(Exposition, LeavesOutAnOrderThatThereIsNone) {
  EXPECT_THAT(exposition(view_), Not(HasSubstr(R"(backend_order{backend="10.0.0.1:5432")")));
}

TEST_F(Exposition, WritesAnAddressThatIsListedTwiceOnce) {
  view_.backends.push_back({"10.0.0.1:5432", "standby", false, true, 4, 0, 0, 0.1, 47, &first_});
  const std::string text = exposition(view_);
  EXPECT_THAT(read_text_format(text).complaints, IsEmpty());
  EXPECT_THAT(text, HasSubstr(R"(pgsteer_backend_role{backend="10.0.0.1:5432",role="standby"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr(R"(role="primary")")));
}

TEST_F(Exposition, EscapesHostileLabelValues) {
  view_.backends[0].address = "a\"} 1\nevil{b=\"\\";
  view_.backends[1].address = "\xff\xfe";
  const std::string text = exposition(view_);
  const auto read = read_text_format(text);
  EXPECT_THAT(read.complaints, IsEmpty());
  EXPECT_FALSE(read.types.contains("evil"));
  EXPECT_THAT(text, HasSubstr(R"(pgsteer_backend_timeline{backend="a\"} 1\nevil{b=\"\\"} 3)"));
  EXPECT_THAT(text, HasSubstr("pgsteer_backend_timeline{backend=\"\xef\xbf\xbd\xef\xbf\xbd\"} 3"));
}

TEST_F(Exposition, WritesLargeCountersExactly) {
  relay_.bytes[0].set((std::uint64_t{1} << 53) - 1);
  EXPECT_THAT(
      exposition(view_),
      HasSubstr(R"(pgsteer_relay_bytes_total{worker="0",direction="client_to_backend"} 9007199254740991)"));
}

TEST_F(Exposition, AnEmptyViewStillNamesTheBuild) {
  const std::string text = exposition(metrics_view{});
  EXPECT_THAT(read_text_format(text).complaints, IsEmpty());
  EXPECT_THAT(text, HasSubstr("pgsteer_build_info"));
  EXPECT_THAT(text, Not(HasSubstr("pgsteer_sessions")));
}

}  // namespace
}  // namespace pgsteer::metrics
