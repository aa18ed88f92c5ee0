#include "pgsteer/pgwire/cancel_key.hpp"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "pgsteer/pgwire/errc.hpp"
#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

using namespace test;

TEST(CancelKey, ReadsTheManualsBytes) {
  const std::string bytes("\0\0\0\x10\x04\xd2\x16\x2e\x01\x02\x03\x04\x0a\x0b\x0c\x0d", 16);
  EXPECT_EQ(*parse_cancel_request(as_bytes(bytes)), (cancel_key{0x01020304, "\x0a\x0b\x0c\x0d"}));
}

TEST(CancelKey, IsWrittenAsTheManualHasIt) {
  EXPECT_EQ(make_cancel_request({0x01020304, "\x0a\x0b\x0c\x0d"}),
            std::string("\0\0\0\x10\x04\xd2\x16\x2e\x01\x02\x03\x04\x0a\x0b\x0c\x0d", 16));
  const cancel_key longest{1, std::string(cancel_secret_bytes_max, '\xff')};
  EXPECT_EQ(*parse_cancel_request(as_bytes(make_cancel_request(longest))), longest);
}

TEST(CancelKey, ReadsKeysOfEverySize) {
  for (const auto size : {std::size_t{4}, std::size_t{5}, std::size_t{32}, std::size_t{256}}) {
    SCOPED_TRACE(size);
    const cancel_key key{0xffff'ffff, std::string(size, '\0')};
    const auto parsed = parse_cancel_request(as_bytes(cancel_request(key)));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, key);
  }
}

TEST(CancelKey, RefusesKeysOfOtherSizes) {
  for (const auto size : {std::size_t{0}, std::size_t{3}, std::size_t{257}}) {
    SCOPED_TRACE(size);
    const auto bytes = packet(cancel_code, int32(1) + std::string(size, 'k'));
    EXPECT_EQ(parse_cancel_request(as_bytes(bytes)).error(), errc::invalid_cancel_length);
  }
}

TEST(CancelKey, RefusesALengthThatIsNotThePackets) {
  for (const auto length : hostile_lengths) {
    SCOPED_TRACE(length);
    auto bytes = packet(cancel_code, int32(1) + int32(2));
    bytes.replace(0, 4, int32(length));
    EXPECT_EQ(parse_cancel_request(as_bytes(bytes)).error(), errc::invalid_cancel_length);
  }
}

TEST(CancelKey, RefusesEveryTruncation) {
  const auto bytes = packet(cancel_code, int32(1) + std::string(32, 'k'));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    EXPECT_EQ(parse_cancel_request(as_bytes(bytes).first(cut)).error(), errc::invalid_cancel_length);
  }
}

TEST(CancelKey, RefusesOtherPackets) {
  EXPECT_EQ(parse_cancel_request(as_bytes(packet(ssl_code, "12345678"))).error(), errc::not_this_packet);
}

TEST(CancelKey, TellsPidsAndSecretsApart) {
  std::unordered_set<cancel_key> keys{{1, "aaaa"}, {2, "aaaa"}, {1, "aaab"}, {1, "aaaaa"}};
  EXPECT_EQ(keys.size(), 4U);
  EXPECT_EQ(keys.count({2, "aaaa"}), 1U);
  EXPECT_EQ(keys.count({2, "aaab"}), 0U);
  EXPECT_NE(std::hash<cancel_key>{}({1, "aaaa"}), std::hash<cancel_key>{}({2, "aaaa"}));
}

}  // namespace
}  // namespace pgsteer::pgwire
