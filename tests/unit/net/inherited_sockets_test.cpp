#include "pgsteer/net/inherited_sockets.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace pgsteer::net {
namespace {

unique_fd any() {
  return unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// Whoever listens there now, by whatever name.
TEST(InheritedSockets, AreTakenByTheirAddress) {
  inherited_sockets given;
  given.add({"rw", "0.0.0.0:5432", any()});
  given.add({"ro", "0.0.0.0:5433", any()});
  const int ro = given.left().at(1);
  EXPECT_FALSE(given.take("rw", "127.0.0.1:5432").fd.is_open());
  EXPECT_EQ(given.take("reports", "0.0.0.0:5433").fd.value(), ro);
  EXPECT_FALSE(given.take("reports", "0.0.0.0:5433").fd.is_open()) << "it is taken";
  EXPECT_EQ(given.left().size(), 1U);
}

TEST(InheritedSockets, WithAPortOfTheKernelsChoiceAreTakenByTheirNameToo) {
  inherited_sockets given;
  given.add({"rw", "127.0.0.1:0", any()});
  given.add({"ro", "127.0.0.1:0", any()});
  const int ro = given.left().at(1);
  EXPECT_FALSE(given.take("other", "127.0.0.1:0").fd.is_open());
  EXPECT_EQ(given.take("ro", "127.0.0.1:0").fd.value(), ro);
}

TEST(InheritedSockets, WithoutAnAddressAreTakenByTheirNameAlone) {
  inherited_sockets given;
  given.add({.name = "rw", .bind = "", .fd = any(), .is_kept_open = true});
  EXPECT_FALSE(given.take("ro", "0.0.0.0:5432").fd.is_open());
  const inherited_socket taken = given.take("rw", "0.0.0.0:5432");
  EXPECT_TRUE(taken.fd.is_open());
  EXPECT_TRUE(taken.is_kept_open);
}

}  // namespace
}  // namespace pgsteer::net
