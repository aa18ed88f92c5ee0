#include "pgsteer/session/cancel_registry.hpp"

#include <gtest/gtest.h>

namespace pgsteer::session {
namespace {

const pgwire::cancel_key key{42, std::string("\x01\x02\x03\x04", 4)};
const endpoint first{"10.0.0.1", 5432};
const endpoint second{"10.0.0.2", 5432};

TEST(CancelRegistry, FindsOnlyTheWholeKey) {
  cancel_registry registry;
  registry.add(key, first);
  EXPECT_EQ(registry.find(key), first);
  EXPECT_FALSE(registry.find({42, std::string("\x01\x02\x03\x05", 4)}));
  EXPECT_FALSE(registry.find({43, key.secret}));
  registry.remove(key, first);
  EXPECT_FALSE(registry.find(key));
}

// Two backends may give out the same pid and secret; the end of the older session must not lose the newer
// one.
TEST(CancelRegistry, AnOlderSessionsEndKeepsANewersKey) {
  cancel_registry registry;
  registry.add(key, first);
  registry.add(key, second);
  registry.remove(key, first);
  EXPECT_EQ(registry.find(key), second);
}

}  // namespace
}  // namespace pgsteer::session
