#pragma once
// Configuration texts that the tests vary: a small valid one, and it with one section more.
#include <string>

namespace pgsteer::config {

inline const std::string minimal_text =
    "cluster: { backends: { static: [\"10.0.0.1:5432\"] } }\n"
    "listeners:\n"
    "  - { name: rw, bind: \"127.0.0.1:0\", route: primary }\n";

// What stands in extra begins on line 4.
inline std::string minimal_and(const std::string& extra) {
  return minimal_text + extra;
}

}  // namespace pgsteer::config
