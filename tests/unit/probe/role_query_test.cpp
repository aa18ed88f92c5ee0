#include "probe/role_query.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace pgsteer::probe {
namespace {

using topology::role_answer;

std::optional<std::string>& at(role_row& row, role_column column) {
  return row[static_cast<std::size_t>(column)];
}

role_row primary_row() {
  role_row row;
  at(row, role_column::is_in_recovery) = "f";
  at(row, role_column::is_still_in_recovery) = "f";
  at(row, role_column::system_identifier) = "7711374223114453103";
  at(row, role_column::start_time_us) = "1760000000123456";
  at(row, role_column::max_connections) = "100";
  at(row, role_column::walfile_name) = "0000000A000000000000000B";
  at(row, role_column::write_lsn) = "195784568";
  at(row, role_column::has_wal_receiver) = "f";
  at(row, role_column::superuser_reserved_connections) = "3";
  at(row, role_column::reserved_connections) = "10";
  at(row, role_column::connections_used) = "40";
  at(row, role_column::is_cnpg_managed) = "f";
  at(row, role_column::backend_pid) = "4711";
  return row;
}

role_row standby_row() {
  role_row row = primary_row();
  at(row, role_column::is_in_recovery) = "t";
  at(row, role_column::is_still_in_recovery) = "t";
  at(row, role_column::walfile_name).reset();
  at(row, role_column::write_lsn).reset();
  at(row, role_column::receive_lsn) = "200";
  at(row, role_column::replay_lsn) = "100";
  at(row, role_column::replay_delay_ms) = "1500";
  at(row, role_column::has_wal_receiver) = "t";
  at(row, role_column::received_timeline) = "3";
  at(row, role_column::control_timeline) = "2";
  at(row, role_column::is_replay_paused) = "f";
  return row;
}

role_answer read(const role_row& row) {
  const auto result = read_role_row(row);
  const auto* const answer = std::get_if<role_answer>(&result);
  EXPECT_NE(answer, nullptr);
  return answer != nullptr ? *answer : role_answer{};
}

std::optional<row_problem> problem_of(const role_row& row) {
  const auto result = read_role_row(row);
  const auto* const problem = std::get_if<row_problem>(&result);
  return problem != nullptr ? std::optional(*problem) : std::nullopt;
}

TEST(RoleRow, ReadsAPrimary) {
  const role_answer answer = read(primary_row());
  EXPECT_FALSE(answer.is_in_recovery);
  EXPECT_EQ(answer.system.value, 7711374223114453103U);
  EXPECT_EQ(answer.timeline.value, 10U);
  EXPECT_FALSE(answer.is_timeline_lower_bound);
  EXPECT_EQ(answer.write_lsn.value, 195784568U);
  EXPECT_EQ(answer.start_time_us, 1760000000123456);
  EXPECT_EQ(answer.max_connections, 100);
  EXPECT_EQ(answer.connections_free, 47);
  EXPECT_FALSE(answer.is_cnpg_managed);
  EXPECT_FALSE(answer.replay_delay.has_value());
}

TEST(RoleRow, ReadsAStandbyThatMaySeeItsReceiver) {
  const role_answer answer = read(standby_row());
  EXPECT_TRUE(answer.is_in_recovery);
  EXPECT_EQ(answer.timeline.value, 3U);
  EXPECT_FALSE(answer.is_timeline_lower_bound);
  EXPECT_EQ(answer.write_lsn.value, 0U);
  EXPECT_EQ(answer.receive_lsn.value, 200U);
  EXPECT_EQ(answer.replay_lsn.value, 100U);
  EXPECT_EQ(answer.replay_delay, milliseconds{1500});
  EXPECT_TRUE(answer.has_wal_receiver);
  EXPECT_FALSE(answer.is_replay_paused);
  EXPECT_EQ(answer.connections_free, 47);
}

TEST(RoleRow, TakesTheControlFilesTimelineAsALowerBound) {
  role_row row = standby_row();
  at(row, role_column::received_timeline).reset();
  const role_answer answer = read(row);
  EXPECT_EQ(answer.timeline.value, 2U);
  EXPECT_TRUE(answer.is_timeline_lower_bound);
}

TEST(RoleRow, ReadsAStandbyThatNeverStreamed) {
  role_row row = standby_row();
  at(row, role_column::receive_lsn).reset();
  at(row, role_column::replay_delay_ms).reset();
  at(row, role_column::received_timeline).reset();
  at(row, role_column::has_wal_receiver) = "f";
  const role_answer answer = read(row);
  EXPECT_EQ(answer.receive_lsn.value, 0U);
  EXPECT_FALSE(answer.replay_delay.has_value());
  EXPECT_FALSE(answer.has_wal_receiver);
}

TEST(RoleRow, DoesNotBelieveANegativeDelay) {
  role_row row = standby_row();
  at(row, role_column::replay_delay_ms) = "-40";
  EXPECT_EQ(read(row).replay_delay, milliseconds{0});
}

TEST(RoleRow, ReadsAnIdentifierWithTheSignBit) {
  role_row row = primary_row();
  at(row, role_column::system_identifier) = "-1";
  EXPECT_EQ(read(row).system.value, ~std::uint64_t{0});
}

TEST(RoleRow, ReadsAServerWithoutReservedConnections) {
  role_row row = primary_row();
  at(row, role_column::reserved_connections).reset();  // before PostgreSQL 16
  EXPECT_EQ(read(row).connections_free, 57);
  EXPECT_EQ(read(row).connections_used, 40);
}

// Sessions of superusers, and whoever was counted too many: never less than none.
TEST(RoleRow, ReadsAFullServer) {
  role_row row = primary_row();
  at(row, role_column::connections_used) = "99";
  EXPECT_EQ(read(row).connections_free, 0);
}

TEST(RoleRow, ReadsTheSignOfCloudNativePg) {
  role_row row = standby_row();
  at(row, role_column::is_cnpg_managed) = "t";
  EXPECT_TRUE(read(row).is_cnpg_managed);
}

TEST(RoleRow, RefusesARowFromBothSidesOfAPromotion) {
  role_row row = standby_row();
  at(row, role_column::is_still_in_recovery) = "f";
  EXPECT_EQ(problem_of(row), row_problem::role_changed);
}

struct spoiled {
  std::string name;
  role_column column;
  std::optional<std::string> value;
};

TEST(RoleRow, RefusesWhatTheQueryCannotYield) {
  const std::vector<spoiled> primary{
      {"no role", role_column::is_in_recovery, std::nullopt},
      {"another boolean", role_column::is_in_recovery, "true"},
      {"no identifier", role_column::system_identifier, std::nullopt},
      {"identifier with a tail", role_column::system_identifier, "77x"},
      {"identifier too large", role_column::system_identifier, "99999999999999999999"},
      {"no file name", role_column::walfile_name, std::nullopt},
      {"short file name", role_column::walfile_name, "0000000A"},
      {"file name without digits", role_column::walfile_name, "00000G0A000000000000000B"},
      {"LSN below zero", role_column::write_lsn, "-5"},
      {"empty LSN", role_column::write_lsn, ""},
      {"fraction of a connection", role_column::max_connections, "1.5"},
      {"no reservation for superusers", role_column::superuser_reserved_connections, std::nullopt},
      {"reservation in words", role_column::reserved_connections, "some"},
      {"no process", role_column::backend_pid, std::nullopt},
      {"nobody counted", role_column::connections_used, std::nullopt},
      {"no sign of a manager", role_column::is_cnpg_managed, std::nullopt},
  };
  const std::vector<spoiled> standby{
      {"no control timeline", role_column::control_timeline, std::nullopt},
      {"no receiver flag", role_column::has_wal_receiver, std::nullopt},
      {"no pause flag", role_column::is_replay_paused, std::nullopt},
      {"delay in words", role_column::replay_delay_ms, "soon"},
  };
  const auto check = [](const std::vector<spoiled>& cases, const role_row& good) {
    for (const auto& entry : cases) {
      SCOPED_TRACE(entry.name);
      role_row row = good;
      at(row, entry.column) = entry.value;
      EXPECT_EQ(problem_of(row), row_problem::malformed);
    }
  };
  check(primary, primary_row());
  check(standby, standby_row());
  EXPECT_EQ(problem_of(role_row{}), row_problem::malformed);
}

}  // namespace
}  // namespace pgsteer::probe
