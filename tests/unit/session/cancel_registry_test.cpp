#include "pgsteer/session/cancel_registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgsteer::session {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const pgwire::cancel_key key{42, std::string("\x01\x02\x03\x04", 4)};
const endpoint first{"10.0.0.1", 5432};
const endpoint second{"10.0.0.2", 5432};

TEST(CancelRegistry, FindsOnlyTheWholeKey) {
  cancel_registry registry;
  const auto place = registry.add(key, first);
  EXPECT_THAT(registry.find(key), ElementsAre(first));
  EXPECT_THAT(registry.find({42, std::string("\x01\x02\x03\x05", 4)}), IsEmpty());
  EXPECT_THAT(registry.find({43, key.secret}), IsEmpty());
  registry.remove(place);
  EXPECT_THAT(registry.find(key), IsEmpty());
}

// One CancelRequest must not become a dial for each session of what gives all of them the same key.
TEST(CancelRegistry, NamesABackendOnce) {
  cancel_registry registry;
  const endpoint again = first;
  const auto one = registry.add(key, first);
  const auto other = registry.add(key, again);
  EXPECT_THAT(registry.find(key), ElementsAre(first));
  registry.remove(one);
  EXPECT_THAT(registry.find(key), ElementsAre(first));
  registry.remove(other);
  EXPECT_THAT(registry.find(key), IsEmpty());
}

// Two backends may give out the same pid and secret; the end of one session must not lose the other's.
TEST(CancelRegistry, KeepsEachSessionsPlaceUnderTheSameKey) {
  cancel_registry registry;
  const auto older = registry.add(key, first);
  const auto newer = registry.add(key, second);
  EXPECT_THAT(registry.find(key), UnorderedElementsAre(first, second));
  registry.remove(older);
  EXPECT_THAT(registry.find(key), ElementsAre(second));
  registry.remove(newer);
  EXPECT_THAT(registry.find(key), IsEmpty());
}

}  // namespace
}  // namespace pgsteer::session
