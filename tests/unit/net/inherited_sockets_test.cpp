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
  EXPECT_FALSE(given.take("rw", "127.0.0.1:5432").is_open());
  EXPECT_EQ(given.take("reports", "0.0.0.0:5433").value(), ro);
  EXPECT_FALSE(given.take("reports", "0.0.0.0:5433").is_open()) << "it is taken";
  EXPECT_EQ(given.left().size(), 1U);
}

TEST(InheritedSockets, WithAPortOfTheKernelsChoiceAreTakenByTheirNameToo) {
  inherited_sockets given;
  given.add({"rw", "127.0.0.1:0", any()});
  given.add({"ro", "127.0.0.1:0", any()});
  const int ro = given.left().at(1);
  EXPECT_FALSE(given.take("other", "127.0.0.1:0").is_open());
  EXPECT_EQ(given.take("ro", "127.0.0.1:0").value(), ro);
}

}  // namespace
}  // namespace pgsteer::net
