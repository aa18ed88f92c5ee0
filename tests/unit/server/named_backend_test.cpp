#include "server/named_backend.hpp"

#include <gtest/gtest.h>

namespace pgsteer::server {
namespace {

topology::backend_status backend(std::uint32_t id, const char* name, const endpoint& address) {
  topology::backend_status status;
  status.id = {id};
  status.name = name;
  status.address = address;
  return status;
}

class NamedBackend : public ::testing::Test {
 protected:
  // Their ids.
  std::string called(std::string_view words) const {
    std::string ids;
    for (const auto* each : backends_called(words, snapshot_)) ids += std::to_string(each->id.value);
    return ids;
  }
  topology::topology_snapshot snapshot_ = [] {
    topology::topology_snapshot made;
    made.backends = {backend(1, "pg-1:5432", {"10.0.0.1", 5432}), backend(2, "pg:5432", {"10.0.0.2", 5432}),
                     backend(3, "pg:5432", {"fd00::3", 5432}),
                     backend(4, "10.0.0.4:5432", {"10.0.0.4", 5432})};
    return made;
  }();
};

TEST_F(NamedBackend, IsFoundByItsNameOrItsAddress) {
  EXPECT_EQ(called("pg-1:5432"), "1");
  EXPECT_EQ(called("10.0.0.1:5432"), "1");
  EXPECT_EQ(called("[fd00::3]:5432"), "3");
  EXPECT_EQ(called("10.0.0.4:5432"), "4");
  EXPECT_EQ(called("pg:5432"), "23") << "one of them has to be named by its address";
  for (const char* other : {"", "pg-1", "10.0.0.1", "10.0.0.1:5433", "PG-1:5432", "fd00::3:5432"})
    EXPECT_EQ(called(other), "") << other;
}

// A pod that has come back under another address, while sessions are on the first.
TEST_F(NamedBackend, OneThatWasLeftBehindIsMeantWhereThereIsNoOther) {
  snapshot_.backends[1].is_leaving = true;
  EXPECT_EQ(called("pg:5432"), "3");
  EXPECT_EQ(called("10.0.0.2:5432"), "2");
  snapshot_.backends[2].is_leaving = true;
  EXPECT_EQ(called("pg:5432"), "23");
  snapshot_.backends[0].is_leaving = true;
  EXPECT_EQ(called("pg-1:5432"), "1");
}

TEST_F(NamedBackend, OneWhoseAddressIsAnothersIsNot) {
  auto successor = backend(5, "pg-1:5432", {"10.0.0.1", 5432});
  snapshot_.backends[0].is_leaving = snapshot_.backends[0].is_replaced = true;
  snapshot_.backends.push_back(successor);
  EXPECT_EQ(called("pg-1:5432"), "5");
  EXPECT_EQ(called("10.0.0.1:5432"), "5");
}

TEST_F(NamedBackend, AllOfThemAreListed) {
  EXPECT_EQ(all_names(snapshot_),
            "pg-1:5432 (10.0.0.1:5432), pg:5432 (10.0.0.2:5432), pg:5432 ([fd00::3]:5432) and 10.0.0.4:5432");
  EXPECT_EQ(addresses(backends_called("pg:5432", snapshot_)), "10.0.0.2:5432 and [fd00::3]:5432");
  EXPECT_EQ(both_names(snapshot_.backends[3]), "10.0.0.4:5432");
  EXPECT_EQ(all_names({}), "");
}

}  // namespace
}  // namespace pgsteer::server
