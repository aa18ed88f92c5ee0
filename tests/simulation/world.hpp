#pragma once
// world: the truth of one history: a PostgreSQL cluster, the ways between pgsteer and it, and its names in
// DNS.
//
// It knows nothing of pgsteer's rules: it plays PostgreSQL, the network, the failover manager and the people
// who make mistakes. Deterministic: all chance comes from one dice. One thread.
//
// Flow: pass_to(now) -> disturb() or mend() at times, ask() whenever a question reaches a place.
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/topology/topology.hpp"
#include "simulation/postgres.hpp"

namespace pgsteer::simulation {

using topology::probe_outcome;
using topology::role_answer;

inline constexpr std::size_t places_count = 7;
inline constexpr std::uint64_t first_position = 1'000'000;
// A standby's, in bytes; a primary writes one in a microsecond.
inline constexpr std::uint64_t lag_max = 20'000;
// A WAL segment: what is not streamed is asked for from its beginning.
inline constexpr std::uint64_t segment_bytes = 16U << 20U;

// Between pgsteer and one place; each direction fails by itself.
struct way {
  bool loses_questions = false;
  bool loses_answers = false;
  unsigned loss_per_mille = 0;
  bool is_slow = false;

  [[nodiscard]] bool is_clean() const {
    return !loses_questions && !loses_answers && loss_per_mille == 0 && !is_slow;
  }
};

// One address: what lives there may move, die or be replaced by another cluster's.
struct place {
  topology::backend_spec spec;
  std::optional<postgres> here;
  std::uint64_t incarnation = 0;  // grows whenever connections to it are lost
  simulation::way way;
  bool is_named = false;     // in DNS
  time_point changed_at;     // the last change of anything above but here's position
  time_point primary_until;  // the last instant at which a running primary of ours was here, if not still
};

// What a question meets; silence is an answer too.
struct reply {
  bool is_silent = false;
  probe_outcome outcome = probe_outcome::answered;
  std::optional<role_answer> answer;
};

class world {
 public:
  struct deed {
    const char* what = nullptr;  // nullptr: nothing was done
    std::size_t place = 0;
  };

  // has_stats: the probe's role may read which timeline a standby receives.
  world(dice& luck, time_point start, bool has_stats);

  void pass_to(time_point now) { now_ = now; }
  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] const std::vector<place>& places() const { return places_; }
  [[nodiscard]] system_identifier ours() const { return ours_; }
  [[nodiscard]] std::vector<topology::backend_spec> named() const;

  // One random change, for the worse as a rule.
  deed disturb(bool with_strangers);
  // One random repair, as a failover manager or its operator makes it.
  deed mend();
  // connection: the incarnation that an open connection leads to.
  [[nodiscard]] reply ask(std::size_t index, std::optional<std::uint64_t> connection);

  [[nodiscard]] bool is_primary(const place& where) const;
  // The last instant at which a running primary of ours was there.
  [[nodiscard]] time_point primary_until(const place& where) const;
  [[nodiscard]] std::optional<std::size_t> newest_primary() const;
  [[nodiscard]] bool has_strangers() const;
  // How often a place has become primary of ours: what role changes may be blamed on.
  [[nodiscard]] std::uint64_t reigns() const { return reigns_; }

 private:
  // Each returns what it did in words, or nullptr if it could not.
  using doing = const char* (world::*)(place&);
  const char* crash(place& where);
  const char* start(place& where);
  const char* freeze(place& where);
  const char* thaw(place& where);
  const char* hang_logins(place& where);
  const char* shut_down(place& where);
  const char* refuse_probes(place& where);
  const char* promote(place& where);
  const char* demote(place& where);
  const char* lose_standby_signal(place& where);
  const char* rejoin(place& where);
  const char* stop_receiver(place& where);
  const char* cut(place& where);
  const char* worsen(place& where);
  const char* heal(place& where);
  const char* change_name(place& where);
  const char* move_away(place& where);
  const char* admit_stranger(place& where);
  const char* restore_to_past(place& where);
  const char* cure(place& where);
  const char* fill(place& where);

  template <class Edit>
  const char* alter(place& where, const char* what, Edit edit);
  void catch_up(postgres& who);
  [[nodiscard]] bool is_ours(const place& where) const;
  [[nodiscard]] std::size_t count_ours() const;
  [[nodiscard]] role_answer answer_of(const postgres& who);
  void follow(postgres& who, std::size_t source);

  dice& luck_;
  time_point now_;
  bool has_stats_;
  system_identifier ours_{7'711};
  timelines timelines_;
  timeline_id highest_{1};  // in the archive
  std::vector<place> places_;
  std::uint64_t strangers_ = 0;
  std::uint64_t reigns_ = 1;
  bool has_strangers_now_ = false;  // this change may bring one
};

}  // namespace pgsteer::simulation
