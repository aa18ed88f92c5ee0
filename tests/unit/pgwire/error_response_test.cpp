#include "pgsteer/pgwire/error_response.hpp"

#include <gtest/gtest.h>

#include <string>

#include "pgsteer/pgwire/errc.hpp"
#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

using namespace test;

std::string error(std::initializer_list<std::string_view> fields) {
  return message('E', zero_terminated(strings(fields)));
}

TEST(ErrorResponse, WritesTheManualsBytes) {
  EXPECT_EQ(error_response("FATAL", "57P03", "no"), error({"SFATAL", "VFATAL", "C57P03", "Mno"}));
}

TEST(ErrorResponse, ReadsBackWhatItWrote) {
  const auto bytes = error_response("FATAL", "53300", "too many");
  const auto fields = parse_error_response(as_bytes(bytes));
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->severity, "FATAL");
  EXPECT_EQ(fields->sqlstate, "53300");
  EXPECT_EQ(fields->message, "too many");
}

// A zero byte taken from elsewhere would end the message early and shift what follows.
TEST(ErrorResponse, CutsAnArgumentAtAZeroByte) {
  EXPECT_EQ(error_response("FATAL", "57P03", std::string_view("no\0Cxxxxx", 9)),
            error_response("FATAL", "57P03", "no"));
}

TEST(ErrorResponse, ReadsAllFieldsOfARealOne) {
  const auto bytes = error({"SFATAL", "VFATAL", "C57P03", "Mthe database system is starting up",
                            "Fpostmaster.c", "L2361", "RProcessStartupPacket"});
  EXPECT_EQ(parse_error_response(as_bytes(bytes))->message, "the database system is starting up");
}

TEST(ErrorResponse, NeedsNoField) {
  const auto no_fields = error({});
  const auto none = parse_error_response(as_bytes(no_fields));
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(none->severity, "");
  EXPECT_EQ(none->sqlstate, "");
  EXPECT_EQ(none->message, "");

  const auto no_code = error({"SFATAL", "Mno code"});
  const auto without_code = parse_error_response(as_bytes(no_code));
  ASSERT_TRUE(without_code.has_value());
  EXPECT_EQ(without_code->sqlstate, "");
  EXPECT_EQ(without_code->message, "no code");
}

TEST(ErrorResponse, PrefersTheUntranslatedSeverity) {
  EXPECT_EQ(parse_error_response(as_bytes(error({"VFATAL", "SFATALE", "Cx"})))->severity, "FATAL");
  EXPECT_EQ(parse_error_response(as_bytes(error({"SFATALE", "Cx"})))->severity, "FATALE");
}

TEST(ErrorResponse, SkipsUnknownFieldsAndEmptyValues) {
  const auto bytes = error({"?future", "C", "\x80high", "Mm"});
  const auto fields = parse_error_response(as_bytes(bytes));
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->sqlstate, "");
  EXPECT_EQ(fields->message, "m");
}

TEST(ErrorResponse, RefusesALengthThatIsNotTheMessages) {
  for (const auto length : hostile_lengths) {
    SCOPED_TRACE(length);
    auto bytes = error({"SFATAL", "C57P03", "Mx"});
    bytes.replace(1, 4, int32(length));
    EXPECT_EQ(parse_error_response(as_bytes(bytes)).error(), errc::malformed_error_response);
  }
}

TEST(ErrorResponse, RefusesEveryTruncation) {
  const auto bytes = error({"SFATAL", "VFATAL", "C57P03", "Mx"});
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    EXPECT_EQ(parse_error_response(as_bytes(bytes).first(cut)).error(), errc::malformed_error_response);
  }
}

TEST(ErrorResponse, RefusesFieldsThatDoNotEndAtTheLastByte) {
  for (const auto& body : {std::string(), strings({"SFATAL"}), std::string("SFATAL"), std::string("\0x", 2),
                           strings({"Mx", "", ""}), std::string("M")}) {
    SCOPED_TRACE(body);
    EXPECT_EQ(parse_error_response(as_bytes(message('E', body))).error(), errc::malformed_error_response);
  }
}

TEST(ErrorResponse, RefusesOtherMessages) {
  EXPECT_EQ(parse_error_response({}).error(), errc::not_this_packet);
  EXPECT_EQ(parse_error_response(as_bytes(message('N', zero_terminated("")))).error(), errc::not_this_packet);
}

}  // namespace
}  // namespace pgsteer::pgwire
