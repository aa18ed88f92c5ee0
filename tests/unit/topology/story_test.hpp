#pragma once
// Runs rows of histories; every failure names its row.
#include <gtest/gtest.h>

#include "unit/topology/history.hpp"

namespace pgsteer::topology::testing {

inline void run_stories(std::initializer_list<story> stories,
                        topology_options options = {.system = {our_system}}) {
  for (const story& row : stories) {
    SCOPED_TRACE(row.name);
    history told(options);
    told.play(row.events);
    EXPECT_EQ(told.summary(), row.expected);
    if (*row.reason == '\0') continue;
    EXPECT_EQ(to_string(told.of(row.who).reason), row.reason);
  }
}

}  // namespace pgsteer::topology::testing
