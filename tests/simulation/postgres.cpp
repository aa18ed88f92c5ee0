#include "simulation/postgres.hpp"

namespace pgsteer::simulation {

std::size_t timelines::fork(std::size_t parent, timeline_id number, std::uint64_t begins_at) {
  branches_.push_back({parent, number, begins_at});
  return branches_.size() - 1;
}

bool timelines::leads(std::size_t branch, std::uint64_t position, std::size_t to) const {
  // A fork's index is above its parent's, so the walk goes down and ends.
  while (to > branch) {
    if (branches_[to].parent == branch && position > branches_[to].begins_at) return false;
    to = branches_[to].parent;
  }
  return to == branch;
}

}  // namespace pgsteer::simulation
