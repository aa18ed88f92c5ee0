#include "pgsteer/session/close_reason.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pgsteer::session {
namespace {

TEST(CloseReason, EveryReasonHasALabelOfItsOwn) {
  std::set<std::string_view> labels;
  for (std::size_t i = 0; i < close_reason_count; ++i) {
    const auto words = describe(static_cast<close_reason>(i));
    EXPECT_NE(words.label, "unknown") << i;
    EXPECT_TRUE(labels.insert(words.label).second) << words.label;
    EXPECT_EQ(words.label.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << words.label;
  }
}

TEST(CloseReason, AnSqlstateComesWithAMessageAndHasFiveCharacters) {
  for (std::size_t i = 0; i < close_reason_count; ++i) {
    const auto words = describe(static_cast<close_reason>(i));
    SCOPED_TRACE(words.label);
    EXPECT_EQ(words.sqlstate.empty(), words.message.empty());
    if (!words.sqlstate.empty()) {
      EXPECT_EQ(words.sqlstate.size(), 5U);
    }
  }
}

// Drivers act on these: HikariCP evicts on 57P01 to 57P03 and on 08xxx, not on 25006.
TEST(CloseReason, TellsDriversWhatTheyUnderstand) {
  EXPECT_EQ(describe(close_reason::lost_role).sqlstate, "57P01");
  EXPECT_EQ(describe(close_reason::fenced).sqlstate, "57P01");
  EXPECT_EQ(describe(close_reason::draining).sqlstate, "57P01");
  EXPECT_EQ(describe(close_reason::killed).sqlstate, "57P01");
  EXPECT_EQ(describe(close_reason::backend_drained).sqlstate, "57P01");
  EXPECT_EQ(describe(close_reason::hold_timeout).sqlstate, "57P03");
  EXPECT_EQ(describe(close_reason::stale_primary).sqlstate, "57P03");
  EXPECT_EQ(describe(close_reason::too_many_sessions).sqlstate, "53300");
}

}  // namespace
}  // namespace pgsteer::session
