#include "pgsteer/pgwire/first_answer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

using namespace test;
using answer_kind = first_answer_kind;

const std::string starting_up = error_response("FATAL", "57P03", "the database system is starting up");
const std::string older_version = message('v', int32(protocol_3_0) + int32(1) + zero_terminated("_pq_.x"));

first_answer read(std::string_view bytes) {
  return read_first_answer(as_bytes(bytes));
}

TEST(FirstAnswer, SeesARefusalOnlyWhenItIsWhole) {
  for (std::size_t cut = 0; cut < starting_up.size(); ++cut) {
    SCOPED_TRACE(cut);
    EXPECT_EQ(read(std::string_view(starting_up).substr(0, cut)).kind, answer_kind::needs_more);
  }
  const auto answer = read(starting_up);
  ASSERT_EQ(answer.kind, answer_kind::error_response);
  EXPECT_EQ(answer.fields.sqlstate, "57P03");
  EXPECT_EQ(answer.fields.message, "the database system is starting up");
}

// PostgreSQL sends NegotiateProtocolVersion while it reads the packet, and 57P03 after that.
TEST(FirstAnswer, SeesARefusalBehindNegotiateProtocolVersion) {
  const auto bytes = older_version + starting_up;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    EXPECT_EQ(read(std::string_view(bytes).substr(0, cut)).kind, answer_kind::needs_more);
  }
  const auto answer = read(bytes);
  ASSERT_EQ(answer.kind, answer_kind::error_response);
  EXPECT_EQ(answer.fields.sqlstate, "57P03");
}

TEST(FirstAnswer, LeavesTheLoginAloneFromItsFirstByte) {
  EXPECT_EQ(read("R").kind, answer_kind::other);
  EXPECT_EQ(read("N").kind, answer_kind::other);
  EXPECT_EQ(read(message('R', int32(0))).kind, answer_kind::other);
  EXPECT_EQ(read(older_version + "R").kind, answer_kind::other);
}

// A backend without a password is stopped between AuthenticationOk and ReadyForQuery: both come in one flush.
TEST(FirstAnswer, SeesARefusalThatCameWithAuthenticationOk) {
  const auto accepted = message('R', int32(0));
  const auto stopped =
      error_response("FATAL", "57P01", "terminating connection due to administrator command");
  const auto status = message('S', zero_terminated("is_superuser") + zero_terminated("off"));
  for (const auto& before : {accepted, older_version + accepted, accepted + status}) {
    const std::string bytes = before + stopped;
    const auto answer = read(bytes);
    ASSERT_EQ(answer.kind, answer_kind::error_response);
    EXPECT_EQ(answer.fields.sqlstate, "57P01");
    for (std::size_t cut = before.size(); cut < bytes.size(); ++cut) {
      SCOPED_TRACE(cut);
      EXPECT_EQ(read(std::string_view(bytes).substr(0, cut)).kind, answer_kind::other);
    }
  }
  EXPECT_EQ(read(accepted + message('Z', "I") + stopped).kind, answer_kind::other)
      << "a session's error is its own";
  EXPECT_EQ(read(message('R', int32(10) + "SCRAM-SHA-256") + stopped).kind, answer_kind::other);
}

TEST(FirstAnswer, ReadsNoFurtherThanTheRefusal) {
  EXPECT_EQ(read(starting_up + "trailing").kind, answer_kind::error_response);
}

TEST(FirstAnswer, TakesARefusalWithoutSqlstate) {
  const auto bytes = message('E', zero_terminated(strings({"SFATAL", "Mno code"})));
  const auto answer = read(bytes);
  ASSERT_EQ(answer.kind, answer_kind::error_response);
  EXPECT_EQ(answer.fields.sqlstate, "");
}

TEST(FirstAnswer, LeavesWhatIsNoProperRefusalToTheClient) {
  EXPECT_EQ(read(message('E', "not terminated")).kind, answer_kind::other);
  EXPECT_EQ(read(std::string("Ecould not fork new process for connection\n", 43)).kind, answer_kind::other);
  EXPECT_EQ(read(message('E', zero_terminated("M" + zero_terminated(std::string(9000, 'm'))))).kind,
            answer_kind::other);
}

TEST(FirstAnswer, KnowsWhatIsNotPostgresql) {
  for (const auto* const bytes :
       {"HTTP/1.1 400 Bad Request\r\n", "220 mail", "SSH-2.0", "S", "Z", "\x15\x03\x01"}) {
    SCOPED_TRACE(bytes);
    EXPECT_EQ(read(bytes).kind, answer_kind::not_postgresql);
  }
  EXPECT_EQ(read(std::string(1, '\0')).kind, answer_kind::not_postgresql);
}

TEST(FirstAnswer, WaitsForNoMoreThanItsBound) {
  for (const auto type : {'E', 'v'}) {
    for (const auto length : hostile_lengths) {
      SCOPED_TRACE(std::string(1, type) + std::to_string(length));
      const auto bytes = std::string(1, type) + int32(length);
      const bool is_waited_for = length > 4 && length < first_answer_bytes_max;
      if (is_waited_for) {
        EXPECT_EQ(read(bytes).kind, answer_kind::needs_more);
      } else if (type == 'E' || length != 4) {
        EXPECT_EQ(read(bytes).kind, answer_kind::other);
      }
    }
  }
  const auto largest = std::string(1, 'E') + int32(first_answer_bytes_max - 1);
  EXPECT_EQ(read(largest).kind, answer_kind::needs_more);
  EXPECT_NE(read(largest + std::string(first_answer_bytes_max - largest.size(), 'x')).kind,
            answer_kind::needs_more);
}

TEST(FirstAnswer, NegotiationsDoNotStretchTheBound) {
  std::string bytes;
  while (bytes.size() + older_version.size() <= first_answer_bytes_max) bytes += older_version;
  EXPECT_EQ(read(bytes + older_version).kind, answer_kind::other);
  EXPECT_EQ(read(bytes + starting_up).kind, answer_kind::other);
}

TEST(FirstAnswer, RetriesOnlyWhatIsTheBackendsTrouble) {
  EXPECT_TRUE(is_retryable_elsewhere("57P03"));
  EXPECT_TRUE(is_retryable_elsewhere("53300"));
  EXPECT_TRUE(is_retryable_elsewhere("57P01"));
  EXPECT_TRUE(is_retryable_elsewhere("57P02"));
  for (const auto* const sqlstate :
       {"", "28P01", "28000", "3D000", "57P04", "0A000", "57p03", "57P03 ", "5330"}) {
    SCOPED_TRACE(sqlstate);
    EXPECT_FALSE(is_retryable_elsewhere(sqlstate));
  }
}

}  // namespace
}  // namespace pgsteer::pgwire
