#include "admin/failover_figures.hpp"

namespace pgsteer::admin {
namespace {

std::optional<milliseconds> between(std::optional<time_point> from, std::optional<time_point> to) {
  if (!from || !to) return std::nullopt;
  return std::chrono::round<milliseconds>(*to - *from);
}

}  // namespace

failover_phases phases_of(const story::failover& of, time_point now) {
  using enum story::failover::stage;
  const bool is_under_way = of.reached == lost || of.reached == settling || of.reached == proven;
  return {.detect = between(of.began_at, of.lost_at),
          .prove = between(of.lost_at, of.proven_at ? of.proven_at : of.returned_at),
          .settle = between(of.proven_at, of.settled_at),
          .login = between(of.settled_at ? of.settled_at : of.proven_at, of.login_at),
          .total = between(of.began_at, of.login_at ? of.login_at : of.returned_at),
          .empty = between(of.proven_at, of.emptied_at),
          .elapsed = is_under_way ? between(of.began_at, now) : std::nullopt};
}

std::string_view to_string(story::failover::stage reached) {
  using enum story::failover::stage;
  switch (reached) {
    case lost:
      return "lost";
    case settling:
      return "settling";
    case proven:
      return "proven";
    case over:
      return "over";
    case same_primary:
      return "same_primary";
    case cut_short:
      return "cut_short";
  }
  return "lost";
}

}  // namespace pgsteer::admin
