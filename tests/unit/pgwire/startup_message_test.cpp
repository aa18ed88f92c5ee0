#include "pgsteer/pgwire/startup_message.hpp"

#include <gtest/gtest.h>

#include <string>

#include "pgsteer/pgwire/errc.hpp"
#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

using namespace test;

TEST(StartupMessage, ReadsWhatRoutingAndTheLogNeed) {
  const auto bytes = startup({"application_name", "psql", "user", "app", "database", "appdb",
                              "client_encoding", "UTF8", "replication", "database"},
                             protocol_3_0 | 2);
  const auto message = parse_startup_message(as_bytes(bytes));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->user, "app");
  EXPECT_EQ(message->database, "appdb");
  EXPECT_EQ(message->application_name, "psql");
}

TEST(StartupMessage, AnApplicationNeedNotBeNamed) {
  EXPECT_EQ(parse_startup_message(as_bytes(startup({"user", "app"})))->application_name, "");
}

TEST(StartupMessage, ViewsIntoThePacket) {
  const auto bytes = startup({"user", "app"});
  const auto message = parse_startup_message(as_bytes(bytes));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->user.data(), bytes.data() + 8 + 5);
}

TEST(StartupMessage, DatabaseDefaultsToTheUser) {
  for (const auto& bytes : {startup({"user", "app"}), startup({"database", "", "user", "app"})}) {
    const auto message = parse_startup_message(as_bytes(bytes));
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->database, "app");
  }
}

TEST(StartupMessage, TheLastOfANameCounts) {
  const auto bytes = startup({"user", "first", "user", "second"});
  EXPECT_EQ(parse_startup_message(as_bytes(bytes))->user, "second");
}

TEST(StartupMessage, AValueThatLooksLikeANameIsAValue) {
  const auto bytes = startup({"options", "user", "user", "database"});
  const auto message = parse_startup_message(as_bytes(bytes));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->user, "database");
  EXPECT_EQ(message->database, "database");
}

TEST(StartupMessage, RefusesALengthThatIsNotThePackets) {
  for (const auto length : hostile_lengths) {
    SCOPED_TRACE(length);
    auto bytes = startup({"user", "app"});
    bytes.replace(0, 4, int32(length));
    EXPECT_EQ(parse_startup_message(as_bytes(bytes)).error(), errc::invalid_length);
  }
}

TEST(StartupMessage, RefusesEveryTruncation) {
  const auto bytes = startup({"user", "app", "database", "appdb"});
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    EXPECT_EQ(parse_startup_message(as_bytes(bytes).first(cut)).error(), errc::invalid_length);
  }
}

TEST(StartupMessage, RefusesOtherPackets) {
  EXPECT_EQ(parse_startup_message(as_bytes(packet(ssl_code))).error(), errc::unsupported_protocol);
  EXPECT_EQ(parse_startup_message(as_bytes(packet(cancel_code, "12345678"))).error(),
            errc::unsupported_protocol);
}

}  // namespace
}  // namespace pgsteer::pgwire
