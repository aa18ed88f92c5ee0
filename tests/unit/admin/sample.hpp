#pragma once
// A cluster as the admin pages would show it, with every field its own figure; and a provider of it.
#include <memory>
#include <string>

#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

// A backend name that breaks out of everything that does not escape, with a letter in Latin-1.
inline const std::string hostile_name = "\"><script>alert('1')</script>&\x1b[2J l\xe4uft";

inline topology_view sample_view() {
  using kind = topology::verdict_reason::kind;
  const time_point now{std::chrono::hours{5}};
  topology::topology_snapshot snapshot;
  snapshot.generation = 7;
  snapshot.system.value = 7711374223114453103;
  snapshot.fence.value = 2;
  snapshot.primary = topology::backend_id{2};
  snapshot.backends.resize(3);

  auto& fenced = snapshot.backends[0];
  fenced.id.value = 1;
  fenced.name = hostile_name;
  fenced.address = {"10.0.0.1", 5432};
  fenced.reason = {.what = kind::primary_fenced, .timeline = {1}, .fence_timeline = {2}};
  fenced.is_leaving = true;
  fenced.order = {topology::operator_order::kind::drain, now + std::chrono::minutes{10}};

  auto& primary = snapshot.backends[1];
  primary.id.value = 2;
  primary.name = "10.0.0.2:5432";
  primary.address = {"10.0.0.2", 5432};
  primary.role = topology::role::primary;
  primary.timeline.value = 2;
  primary.lsn.value = 0xBAF6F78;
  primary.is_rw_eligible = true;
  primary.connections_free = 47;
  primary.zone = "west-2";
  primary.reason = {kind::primary};
  primary.outcome = topology::probe_outcome::answered;
  primary.was_probed = true;
  primary.answered_at = now - milliseconds{41};

  auto& standby = snapshot.backends[2];
  standby.id.value = 3;
  standby.name = "pg-3.example:5432";
  standby.address = {"fd00::3", 5432};
  standby.role = topology::role::standby;
  standby.timeline.value = 2;
  standby.lsn.value = 0x16B374D848;
  standby.replay_lag_bytes = 1536;
  standby.replay_delay = milliseconds{250};
  standby.is_ro_eligible = true;
  standby.zone = "<east>";
  standby.is_in_own_zone = true;
  standby.order = {topology::operator_order::kind::disable};
  standby.reason = {kind::standby_last_known, topology::probe_outcome::wrong_credentials};
  standby.outcome = topology::probe_outcome::wrong_credentials;
  standby.was_probed = true;
  standby.answered_at = now - milliseconds{3200};
  return {
      std::make_shared<const topology::topology_snapshot>(std::move(snapshot)), {0, 12, 345}, now, "<east>"};
}

inline traffic_view sample_traffic() {
  traffic_view view;
  view.now = sample_view().now;
  view.start_time_seconds = 1'764'432'000.125;
  view.unix_now_seconds = 1'764'433'000.5;
  view.listeners = {{.sessions = 3,
                     .accepted = 41,
                     .rejected = 2,
                     .held = 1,
                     .held_total = 9,
                     .released = 7,
                     .expired = 5,
                     .bytes = {2'048, 3'670'016}},
                    {.sessions = 4, .accepted = 1'234}};
  view.backends = {{{1}, 0, 6, 8}, {{2}, 12, 700, 0}, {{3}, 345, 20'000, 1}};
  return view;
}

// Two failovers, the second one under way, and a change of role; their backend has a hostile name.
inline story::history sample_history() {
  const time_point begin = sample_view().now - seconds{100};
  const story::wall_time wall{seconds{1'764'432'900}};
  const story::past_primary old{hostile_name, "10.0.0.1:5432", {1}};
  const story::past_primary successor{"10.0.0.2:5432", "10.0.0.2:5432", {2}};
  story::history told;
  told.note_loss({old, 12, "connection_lost", begin, wall}, begin + milliseconds{40}, {});
  told.note_logins(begin + milliseconds{50}, {.held = 7, .stale_refused = 1});
  told.note_proof(successor, true, begin + milliseconds{240});
  told.note_settled(begin + milliseconds{1'240});
  told.note_login(begin + milliseconds{1'250});
  told.note_logins(begin + milliseconds{1'260}, {.held = 7, .released = 6, .expired = 1, .stale_refused = 1});
  told.note_emptied(begin + milliseconds{1'300});
  topology::topology_snapshot snapshot = *sample_view().snapshot;
  snapshot.backends[0].role = topology::role::primary;
  told.note_roles(snapshot, wall);
  snapshot.backends[0].role = topology::role::standby;
  told.note_roles(snapshot, wall + seconds{1});
  told.note_loss({successor, 3, "a probe is late", begin + seconds{97}, wall + seconds{97}},
                 begin + seconds{97}, {});
  return told;
}

// What a provider shows; tests change it between requests.
struct sample_state {
  topology_view view = sample_view();
  std::vector<listener_readiness> listeners{
      {"rw", "0.0.0.0:5432", "primary", true, ""},
      {"ro", "0.0.0.0:5433", "prefer-standby", false, "no <standby> within max_replay_lag"}};
  bool is_draining = false;
  traffic_view traffic = sample_traffic();
  story::history history = sample_history();
  int calls = 0;  // of metrics_text
};

// state outlives the provider's last call.
inline admin_provider provider_of(sample_state& state) {
  return {[&state] {
            ++state.calls;
            return std::string("# TYPE pgsteer_sessions gauge\npgsteer_sessions 3\n");
          },
          [&state] { return state.listeners; },
          [&state] { return state.view; },
          [&state] { return state.is_draining; },
          [&state] { return state.traffic; },
          [&state]() -> const story::history& { return state.history; }};
}

}  // namespace pgsteer::admin
