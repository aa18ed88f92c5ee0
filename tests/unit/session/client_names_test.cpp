#include "session/client_names.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace pgsteer::session {
namespace {

void expect_names(const client_names& of, std::string_view user, std::string_view database,
                  std::string_view application) {
  EXPECT_EQ(of.user(), user);
  EXPECT_EQ(of.database(), database);
  EXPECT_EQ(of.application(), application);
}

TEST(ClientNames, AreKeptAsTheyAre) {
  expect_names({}, "", "", "");
  expect_names({"", "", ""}, "", "", "");
  expect_names({"app", "orders", "web"}, "app", "orders", "web");
  expect_names({"", "", "web"}, "", "", "web");
  expect_names({"app", "", ""}, "app", "", "");
  const std::string longest(10'000, '\xff');
  expect_names({longest, "d", longest}, longest, "d", longest);
}

TEST(ClientNames, EndAtAZeroByte) {
  expect_names({std::string_view("a\0b", 3), "orders", std::string_view("\0", 1)}, "a", "orders", "");
}

TEST(ClientNames, MoveWithTheirOwner) {
  client_names from("app", "orders", "web");
  const client_names to = std::move(from);
  expect_names(to, "app", "orders", "web");
}

}  // namespace
}  // namespace pgsteer::session
