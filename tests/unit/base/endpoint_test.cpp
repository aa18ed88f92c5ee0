#include "pgsteer/base/endpoint.hpp"

#include <gtest/gtest.h>

#include "pgsteer/base/errc.hpp"

namespace pgsteer {
namespace {

struct endpoint_case {
  std::string_view text;
  std::uint16_t default_port;
  endpoint expected;
};

TEST(ParseEndpoint, ReadsHostAndPort) {
  const endpoint_case cases[] = {
      {"10.0.0.1:5432", 0, {"10.0.0.1", 5432}},
      {"pg-1.example:1", 0, {"pg-1.example", 1}},
      {"localhost:65535", 0, {"localhost", 65535}},
      {"127.0.0.1:0", 0, {"127.0.0.1", 0}},
      {"[::1]:5432", 0, {"::1", 5432}},
      {"[fe80::1%eth0]:1", 0, {"fe80::1%eth0", 1}},
      {"pg", 5432, {"pg", 5432}},
      {"[::1]", 5432, {"::1", 5432}},
      {"pg:1", 5432, {"pg", 1}},
      {"/run/postgresql", 5432, {"/run/postgresql", 5432}},
      {"/run/postgresql:5433", 5432, {"/run/postgresql", 5433}},
      {"@pgsteer:5433", 0, {"@pgsteer", 5433}},
  };
  for (const endpoint_case& each : cases) {
    SCOPED_TRACE(each.text);
    const result<endpoint> value = parse_endpoint(each.text, each.default_port);
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, each.expected);
  }
}

TEST(ParseEndpoint, RefusesWhatIsNoHostAndPort) {
  for (const std::string_view text :
       {"",       ":",         ":5432",    "pg:",     "pg:x",
        "pg:-1",  "pg:+1",     "pg: 1",    "pg:1 ",   "pg:65536",
        "pg:1:2", "::1",       "::1:5432", "[::1",    "[]:1",
        "[pg]:1", "[::1]5432", "[::1]:",   "[::1]:x", "pg:99999999999999999999"}) {
    SCOPED_TRACE(text);
    const result<endpoint> value = parse_endpoint(text, 5432);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error(), errc::malformed_endpoint);
  }
}

TEST(ParseEndpoint, NeedsAPortWithoutADefault) {
  EXPECT_FALSE(parse_endpoint("pg"));
  EXPECT_FALSE(parse_endpoint("[::1]"));
}

TEST(Endpoint, TextParsesBack) {
  for (const endpoint& each :
       {endpoint{"10.0.0.1", 5432}, endpoint{"::1", 0}, endpoint{"pg.example", 65535}}) {
    SCOPED_TRACE(to_string(each));
    const result<endpoint> value = parse_endpoint(to_string(each));
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, each);
  }
  EXPECT_EQ(to_string(endpoint{"::1", 5432}), "[::1]:5432");
}

TEST(Errc, SaysWhatWasExpected) {
  const error_code ec = errc::malformed_endpoint;
  EXPECT_STREQ(ec.category().name(), "pgsteer.base");
  EXPECT_EQ(ec.message(), "expected host:port with a port from 0 to 65535");
}

TEST(UnixSocket, IsWhereLibpqLooksForIt) {
  const endpoint folder{"/run/postgresql", 5433};
  EXPECT_TRUE(is_unix_socket(folder));
  EXPECT_EQ(unix_socket_path(folder), "/run/postgresql/.s.PGSQL.5433");
  EXPECT_EQ(to_string(folder), "/run/postgresql:5433");
  EXPECT_TRUE(is_unix_socket({"@pgsteer", 5432}));
  EXPECT_FALSE(is_unix_socket({"10.0.0.1", 5432}));
  EXPECT_FALSE(is_unix_socket({std::string(local_client), 0}));
}

}  // namespace
}  // namespace pgsteer
