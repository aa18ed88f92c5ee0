#include "topology/identity.hpp"

#include <cstddef>
#include <map>

namespace pgsteer::topology {
namespace {

struct ballot {
  std::size_t backends = 0;
  bool has_primary = false;
  friend auto operator<=>(const ballot&, const ballot&) = default;
};

}  // namespace

identity identify(const backend_table& backends) {
  std::map<system_identifier, ballot> ballots;
  for (const auto& [id, backend] : backends) {
    if (!backend.answer) continue;
    ballot& cast = ballots[backend.answer->system];
    ++cast.backends;
    cast.has_primary = cast.has_primary || !backend.answer->is_in_recovery;
  }
  identity winner;
  ballot most;
  for (const auto& [system, cast] : ballots) {
    if (cast < most) continue;
    winner = cast == most ? identity{} : identity{system, cast.has_primary};
    most = cast;
  }
  return winner;
}

bool is_foreign(const knowledge& backend, const identity& cluster) noexcept {
  return cluster.system.value != 0 && backend.answer && backend.answer->system != cluster.system;
}

bool is_member(const knowledge& backend, const identity& cluster) noexcept {
  return cluster.system.value != 0 && backend.answer && backend.answer->system == cluster.system;
}

}  // namespace pgsteer::topology
