#pragma once
// Lines go by when their members came to the proxy: a login that joins one again, after a dial that failed,
// goes before those that came after it.
#include <iterator>

#include "pgsteer/base/clock.hpp"

namespace pgsteer {

// Where one that came at that time belongs in a list of entries: before the first that came later.
template <class List>
[[nodiscard]] typename List::iterator place_by_arrival(List& line, time_point arrived) {
  auto where = line.end();
  while (where != line.begin() && std::prev(where)->arrived > arrived) --where;
  return where;
}

}  // namespace pgsteer
