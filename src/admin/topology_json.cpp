// The body of /api/v1/topology. Its keys are a contract: add behind the last one, never rename.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "admin/topology_figures.hpp"
#include "admin/wording.hpp"
#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {
namespace {

boost::json::value milliseconds_or_null(const std::optional<milliseconds>& value) {
  return value ? boost::json::value(value->count()) : boost::json::value(nullptr);
}

boost::json::value order_json(const topology::backend_status& of, time_point now) {
  if (!of.order) return nullptr;
  return {{"kind", topology::to_string(of.order->what)},
          {"left_ms", milliseconds_or_null(order_left(of, now))}};
}

boost::json::object backend_json(const topology_view& view, std::size_t index) {
  const topology::backend_status& of = view.snapshot->backends[index];
  return {
      {"address", well_formed(to_string(of.address))},
      {"role", topology::to_string(of.role)},
      {"timeline", of.timeline.value},
      {"lsn", topology::to_string(of.lsn)},
      {"replay_lag_bytes", of.replay_lag_bytes},
      {"rw_eligible", of.is_rw_eligible},
      {"ro_eligible", of.is_ro_eligible},
      {"reason", topology::to_string(of.reason)},
      {"sessions", sessions_of(view, index)},
      {"probe_age_ms", milliseconds_or_null(probe_age(of, view.now))},
      {"name", well_formed(of.name.text())},
      {"outcome", of.was_probed ? boost::json::value(topology::to_string(of.outcome)) : nullptr},
      {"replay_delay_ms", milliseconds_or_null(of.replay_delay)},
      {"leaving", of.is_leaving},
      {"connections_free", of.connections_free ? boost::json::value(*of.connections_free) : nullptr},
      {"zone", of.zone.empty() ? boost::json::value(nullptr) : boost::json::value(well_formed(of.zone))},
      {"own_zone", of.is_in_own_zone},
      {"id", of.id.value},
      {"order", order_json(of, view.now)},
  };
}

}  // namespace

std::string topology_json(const topology_view& view) {
  const topology::topology_snapshot none;  // before the first decision
  const topology::topology_snapshot& snapshot = view.snapshot ? *view.snapshot : none;
  const topology::backend_status* primary = primary_of(snapshot);

  boost::json::array backends;
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i) backends.push_back(backend_json(view, i));
  return boost::json::serialize(boost::json::object{
      {"generation", snapshot.generation},
      // A string, since a JSON number holds 53 bits for most readers.
      {"system_identifier", system_identifier_text(snapshot.system)},
      {"fence_timeline", snapshot.fence.value},
      {"primary", primary ? boost::json::value(well_formed(to_string(primary->address))) : nullptr},
      {"backends", std::move(backends)},
      {"ambiguous", snapshot.is_ambiguous},
      {"zone",
       view.own_zone.empty() ? boost::json::value(nullptr) : boost::json::value(well_formed(view.own_zone))},
      {"settling", snapshot.is_settling},
  });
}

}  // namespace pgsteer::admin
