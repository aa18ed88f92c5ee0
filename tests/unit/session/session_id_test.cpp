#include "pgsteer/session/session_id.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pgsteer::session {
namespace {

TEST(SessionId, IsReadAsItIsWritten) {
  EXPECT_EQ(to_string(session_id{1}), "1");
  EXPECT_EQ(to_string(session_id{0x3f2a}), "3f2a");
  for (const std::uint64_t value : {std::uint64_t{1}, std::uint64_t{0xffff'ffff'ffff'ffff}})
    EXPECT_EQ(to_session_id(to_string(session_id{value})), session_id{value});
  EXPECT_EQ(to_session_id("3F2A"), session_id{0x3f2a});
}

TEST(SessionId, WhatIsNoneIsNone) {
  for (const char* none : {"", "0", "g", "-1", "+1", " 1", "1 ", "0x1", "1\n", "10000000000000000"})
    EXPECT_FALSE(to_session_id(none)) << none;
}

TEST(SessionIds, AreGivenOutOnce) {
  session_ids ids;
  EXPECT_EQ(ids.newest(), session_id{});
  EXPECT_EQ(ids.draw(), session_id{1});
  EXPECT_EQ(ids.draw(), session_id{2});
  EXPECT_EQ(ids.newest(), session_id{2});
  ids.start_behind({0x3f2a});
  EXPECT_EQ(ids.draw(), session_id{0x3f2b});
}

}  // namespace
}  // namespace pgsteer::session
