#include "config/address.hpp"

#include <gtest/gtest.h>

namespace pgsteer::config {
namespace {

TEST(IsIpLiteral, TakesBothFamilies) {
  for (const char* text :
       {"0.0.0.0", "127.0.0.1", "::", "::1", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0"}) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(is_ip_literal(text));
  }
}

TEST(IsIpLiteral, RefusesTheRest) {
  for (const char* text :
       {"", "localhost", "10.0.0.256", "10.0.0", "10.0.0.1 ", "[::1]", ":::", "fe80::1%", "*"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(is_ip_literal(text));
  }
}

TEST(IsHostName, TakesNamesOfDnsAndKubernetes) {
  for (const char* text :
       {"localhost", "pg-1.db.svc.cluster.local", "pg.example.", "_pg._tcp.example", "10.example"}) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(is_host_name(text));
  }
  EXPECT_TRUE(is_host_name(std::string(63, 'a') + ".example"));
}

TEST(IsHostName, RefusesMistypedAddressesAndStrayCharacters) {
  for (const char* text :
       {"", ".", "10.0.0.256", "10.0.0", "5432", "a..b", ".a", "pg 1", "pg/1", "p\xc3\xb6", "a\n"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(is_host_name(text));
  }
  EXPECT_FALSE(is_host_name(std::string(64, 'a') + ".example"));
  std::string long_name = "a";
  while (long_name.size() < 254) long_name += ".a";
  EXPECT_FALSE(is_host_name(long_name));
}

}  // namespace
}  // namespace pgsteer::config
