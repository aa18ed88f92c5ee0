#pragma once
// backend_spec: one backend as discovery names it: the same one as long as both its address and its identity
// are.
//
// A value; any thread.
#include <string>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/topology/backend_name.hpp"

namespace pgsteer::topology {

struct backend_spec {
  backend_name name;
  endpoint address;  // numeric
  std::string identity =
      {};  // what tells it from another one that had the address before; empty: nothing does
  bool is_withheld = false;  // takes no new session but as the primary: discovery's word, which moves no rw
  std::string zone = {};     // where it runs; empty: not known
  bool is_in_own_zone = false;  // pgsteer runs there too

  friend bool operator==(const backend_spec&, const backend_spec&) = default;
};

}  // namespace pgsteer::topology
