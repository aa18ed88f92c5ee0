#pragma once
// fence_mark: what must survive a restart of pgsteer: which cluster this is, and the highest timeline seen as
// its primary.
//
// A value; any thread.
#include "pgsteer/topology/types.hpp"

namespace pgsteer::topology {

struct fence_mark {
  system_identifier system;
  timeline_id timeline;
  lsn raised_at;  // the primary's write position when that timeline was first seen

  friend bool operator==(const fence_mark&, const fence_mark&) = default;
};

}  // namespace pgsteer::topology
