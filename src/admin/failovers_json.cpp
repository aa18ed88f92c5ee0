#include "admin/failovers_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "admin/failover_figures.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

boost::json::value milliseconds_if_known(const std::optional<milliseconds>& value) {
  return value ? boost::json::value(value->count()) : boost::json::value(nullptr);
}

std::int64_t unix_milliseconds(story::wall_time at) {
  return std::chrono::duration_cast<milliseconds>(at.time_since_epoch()).count();
}

boost::json::value primary_json(const std::optional<story::past_primary>& of) {
  if (!of) return nullptr;
  return boost::json::object{{"address", well_formed(of->address)},
                             {"name", well_formed(of->name)},
                             {"timeline", of->timeline.value}};
}

boost::json::object failover_json(const story::failover& of, time_point now) {
  const failover_phases took = phases_of(of, now);
  return {
      {"number", of.number},
      {"stage", to_string(of.reached)},
      {"began_at_ms", unix_milliseconds(of.began_at_wall)},
      {"sign", of.sign},
      {"from", primary_json(of.from)},
      {"to", primary_json(of.to)},
      {"detect_ms", milliseconds_if_known(took.detect)},
      {"prove_ms", milliseconds_if_known(took.prove)},
      {"settle_ms", milliseconds_if_known(took.settle)},
      {"login_ms", milliseconds_if_known(took.login)},
      {"total_ms", milliseconds_if_known(took.total)},
      {"elapsed_ms", milliseconds_if_known(took.elapsed)},
      {"sessions", of.sessions},
      {"empty_ms", milliseconds_if_known(took.empty)},
      {"logins_held", of.logins.held},
      {"logins_released", of.logins.released},
      {"logins_expired", of.logins.expired},
      {"stale_refusals", of.logins.stale_refused},
  };
}

boost::json::object role_change_json(const story::role_change& of) {
  return {
      {"at_ms", unix_milliseconds(of.at)},
      {"address", well_formed(of.address)},
      {"name", well_formed(of.name)},
      {"from", topology::to_string(of.from)},
      {"to", topology::to_string(of.to)},
      {"timeline", of.timeline.value},
      {"reason", topology::to_string(of.reason)},
  };
}

}  // namespace

std::string failovers_json(const story::history& of, time_point now) {
  boost::json::array failovers;
  const auto& told = of.failovers();
  for (auto each = told.rbegin(); each != told.rend(); ++each) failovers.push_back(failover_json(*each, now));
  boost::json::array changes;
  const auto& changed = of.role_changes();
  for (auto each = changed.rbegin(); each != changed.rend(); ++each)
    changes.push_back(role_change_json(*each));
  return boost::json::serialize(boost::json::object{
      {"revision", of.revision()},
      {"failovers_max", story::failovers_max},
      {"failovers", std::move(failovers)},
      {"role_changes_max", story::role_changes_max},
      {"role_changes", std::move(changes)},
  });
}

}  // namespace pgsteer::admin
