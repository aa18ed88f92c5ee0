#include "pgsteer/topology/topology.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "topology/handover.hpp"
#include "topology/invariants.hpp"
#include "topology/order_table.hpp"
#include "topology/verdict.hpp"

namespace pgsteer::topology {
namespace {

// Equal for whoever acts on verdicts; figures that move with every probe do not count.
bool is_same_verdict(const backend_status& left, const backend_status& right) {
  return left.id == right.id && left.name == right.name && left.role == right.role &&
         left.is_rw_eligible == right.is_rw_eligible && left.is_ro_eligible == right.is_ro_eligible &&
         left.is_answering == right.is_answering && left.is_leaving == right.is_leaving &&
         left.is_replaced == right.is_replaced && left.is_withheld == right.is_withheld &&
         left.zone == right.zone && left.is_in_own_zone == right.is_in_own_zone &&
         left.sessions == right.sessions && left.close_when_idle == right.close_when_idle &&
         left.ends_them_soon == right.ends_them_soon && left.reason == right.reason &&
         left.order == right.order;
}

bool is_same_decision(const topology_snapshot& left, const topology_snapshot& right) {
  return left.system == right.system && left.fence == right.fence && left.primary == right.primary &&
         left.is_ambiguous == right.is_ambiguous && left.is_settling == right.is_settling &&
         std::ranges::equal(left.backends, right.backends, is_same_verdict);
}

}  // namespace

struct topology::memory {
  topology_options options;
  backend_table backends;
  std::uint32_t last_id = 0;

  // Learned by proof, never unlearned.
  identity cluster;
  fence current_fence;
  pgsteer::topology::handover handover;
  order_table orders;
  // Until the cluster is pinned: the highest primary that each system identifier has shown.
  std::map<system_identifier, role_answer> early_primaries;

  // Of clusters that were proven before the operator named another one: a wrong name must not forget them.
  std::map<system_identifier, fence_mark> set_aside;
  system_identifier last_set_aside;

  std::optional<backend_id> incumbent;
  lsn primary_write_lsn;
  time_point fresh_from = time_point::min();
  topology_snapshot published;  // the last decision
  time_point decided_at = time_point::min();

  // Rules 2 and 3 on arrival: a decision may come later, and by then a newer answer may hide this one.
  void learn(const std::optional<role_answer>& answer) {
    if (!cluster.is_pinned) {
      note_early_primary(answer);
      cluster = identify(backends);
      current_fence = {};
      const auto primary = early_primaries.find(cluster.system);
      if (primary == early_primaries.end()) return;
      raise_fence(primary->second);
      // A foreign backend may be the first to answer: nobody is pinned before everybody was asked.
      cluster.is_pinned = was_everybody_probed(backends);
      if (cluster.is_pinned) early_primaries.clear();
    }
    raise_fence(answer);
  }
  void note_early_primary(const std::optional<role_answer>& answer) {
    if (!answer || answer->is_in_recovery) return;
    role_answer& highest = early_primaries.try_emplace(answer->system, *answer).first->second;
    if (answer->timeline > highest.timeline) highest = *answer;
  }
  void raise_fence(const std::optional<role_answer>& answer) {
    if (answer && answer->system == cluster.system && !answer->is_in_recovery) current_fence.raise(*answer);
  }

  [[nodiscard]] std::optional<fence_mark> take_back(system_identifier of) {
    const auto found = set_aside.find(of);
    if (found == set_aside.end()) return std::nullopt;
    const fence_mark mark = found->second;
    set_aside.erase(found);
    return mark;
  }

  void lapse_silent(time_point now) {
    for (auto& [id, backend] : backends) {
      if (!backend.silent_since || now - *backend.silent_since < options.dead_after) continue;
      backend.is_dead = true;
      backend.has_lapsed = true;
    }
  }

  void heed_orders(time_point now) {
    orders.lapse(now);
    for (auto& [id, backend] : backends) backend.order = orders.of(backend.spec);
  }

  [[nodiscard]] std::optional<time_point> primary_settles_until(std::optional<backend_id> primary) const {
    if (!primary) return std::nullopt;
    const auto found = backends.find(*primary);
    return found == backends.end() ? std::nullopt : handover.settles_until(found->second, options);
  }

  [[nodiscard]] bool has_stale_primary() const;
  void note_followers(bool has_stale);
  topology_snapshot judge_all(const findings& found) const;
  topology_snapshot judge_fairly(findings found) const;
};

bool topology::memory::has_stale_primary() const {
  return std::ranges::any_of(backends, [this](const auto& entry) {
    const knowledge& backend = entry.second;
    return backend.is(standing::open) && is_member(backend, cluster) && !backend.answer->is_in_recovery &&
           backend.answer->timeline < current_fence.timeline;
  });
}

void topology::memory::note_followers(bool has_stale) {
  for (auto& [id, backend] : backends) {
    if (!backend.answer || !backend.answer->is_in_recovery || !is_member(backend, cluster)) continue;
    if (follows(*backend.answer, current_fence, has_stale) != following::proven) continue;
    backend.followed = current_fence.timeline;
    backend.followed_in_run = backend.answer->start_time_us;
  }
}

topology_snapshot topology::memory::judge_all(const findings& found) const {
  topology_snapshot snapshot;
  snapshot.generation = published.generation;
  snapshot.system = found.cluster.system;
  snapshot.fence = found.current_fence.timeline;
  snapshot.primary = found.elected.primary;
  snapshot.is_ambiguous = found.elected.is_ambiguous;
  snapshot.backends.reserve(backends.size());
  for (const auto& [id, backend] : backends) {
    const backend_status& status = snapshot.backends.emplace_back(judge(id, backend, found));
    if (status.is_rw_eligible) snapshot.rw_valid_until = backend.answered_at + options.role_ttl;
    // Also between the end of the probe's connection there and its return.
    const bool is_coming_back = backend.outcome == probe_outcome::connection_lost &&
                                backend.terminated_at == backend.heard_at && found.elected.primary == id;
    const bool is_waited_for = status.reason.what == verdict_reason::kind::primary_settling || is_coming_back;
    if (found.is_settling && is_waited_for) snapshot.is_settling = true;
  }
  return snapshot;
}

// A crash-looping standby is passed over for another one, never for none at all.
topology_snapshot topology::memory::judge_fairly(findings found) const {
  topology_snapshot snapshot = judge_all(found);
  const bool has_standby = std::ranges::any_of(snapshot.backends, &backend_status::is_ro_eligible);
  const bool has_resting =
      std::ranges::any_of(backends, [&](const auto& entry) { return rests(entry.second, found.now); });
  if (has_standby || !has_resting) return snapshot;
  found.may_rest = false;
  return judge_all(found);
}

topology::topology(topology_options options, const std::optional<fence_mark>& remembered)
    : memory_(std::make_unique<memory>()) {
  memory_->options = options;
  memory_->cluster = {options.system, options.system.value != 0};
  replace_mark(remembered);
}
topology::~topology() = default;
topology::topology(topology&&) noexcept = default;
topology& topology::operator=(topology&&) noexcept = default;

void topology::set_backends(std::span<const backend_spec> specs) {
  backend_table& backends = memory_->backends;
  std::map<std::pair<endpoint, std::string>, backend_id> known;
  for (auto& [id, backend] : backends) {
    known.emplace(std::pair(backend.spec.address, backend.spec.identity), id);
    if (!backend.is_leaving) backend.left_as_primary = memory_->incumbent == id;
    backend.is_leaving = true;
  }
  std::set<endpoint> named;
  for (const backend_spec& spec : specs) {
    if (named.size() == backends_max) break;
    if (!named.insert(spec.address).second) continue;
    const auto found = known.find({spec.address, spec.identity});
    const backend_id id = found != known.end() ? found->second : backend_id{++memory_->last_id};
    knowledge& backend = backends[id];
    backend.spec = spec;
    backend.is_leaving = backend.is_replaced = backend.left_as_primary = false;
  }
  for (auto& [id, backend] : backends) {
    if (!backend.is_leaving || backend.is_replaced || !named.contains(backend.spec.address)) continue;
    backend.is_replaced = true;
    backend.left_as_primary = false;
    forget_all(backend);
  }
}

std::optional<backend_id> topology::find(const endpoint& address, std::string_view identity) const {
  for (const auto& [id, backend] : memory_->backends) {
    if (backend.spec.address == address && backend.spec.identity == identity) return id;
  }
  return std::nullopt;
}

bool topology::forget(backend_id id) {
  const auto found = memory_->backends.find(id);
  if (found == memory_->backends.end() || !found->second.is_leaving) return false;
  if (found->second.left_as_primary && memory_->incumbent == id) return false;
  memory_->backends.erase(found);
  return true;
}

void topology::record(backend_id id, const probe_result& result) {
  const auto found = memory_->backends.find(id);
  if (found == memory_->backends.end() || found->second.is_replaced) return;
  const bool was_standby = found->second.answer && found->second.answer->is_in_recovery;
  absorb(found->second, result);
  const timeline_id before = memory_->current_fence.timeline;
  memory_->learn(proof_in(result));
  // A promotion that this process has seen: a standby of before, or anybody beside a primary in use, is on a
  // higher timeline. What happened before it was started is over, for all it knows.
  const bool is_promotion = memory_->current_fence.timeline > before && (was_standby || memory_->incumbent);
  if (is_promotion) memory_->handover.note_rise(result.sent_at);
}

void topology::note_pause(time_point now) {
  memory_->fresh_from = now;
  for (auto& [id, backend] : memory_->backends) restart_silence(backend, now);
}

void topology::note_late(backend_id id, time_point sent_at) {
  const auto found = memory_->backends.find(id);
  if (found == memory_->backends.end() || found->second.is_replaced) return;
  note_overdue(found->second, sent_at);
}

bool topology::announce_switchover(backend_id from, replacement_sign sign, time_point now) {
  if (memory_->incumbent && memory_->incumbent != from) return false;
  return memory_->handover.announce(from, sign, now, memory_->options.switchover_hold);
}

void topology::withdraw_switchover() {
  memory_->handover.withdraw_status();
}

void topology::set_order(backend_id id, const std::optional<operator_order>& wanted) {
  const auto found = memory_->backends.find(id);
  if (found != memory_->backends.end()) memory_->orders.set(found->second.spec, wanted, memory_->backends);
}

std::optional<fence_mark> topology::mark() const {
  if (!memory_->cluster.is_pinned || memory_->current_fence.timeline.value == 0) return std::nullopt;
  return fence_mark{memory_->cluster.system, memory_->current_fence.timeline,
                    memory_->current_fence.raised_at};
}

void topology::replace_mark(const std::optional<fence_mark>& mark) {
  memory& known = *memory_;
  const system_identifier named = known.options.system;
  const bool is_of_this_cluster = mark && (named.value == 0 || named == mark->system);
  known.cluster = {named, named.value != 0};
  if (is_of_this_cluster) known.cluster = {mark->system, true};
  known.current_fence = is_of_this_cluster ? fence{mark->timeline, mark->raised_at} : fence{};
  known.early_primaries.clear();
  known.handover.forget_rise();
  known.incumbent.reset();
  for (auto& [id, backend] : known.backends) {
    // With neither a name nor a mark the cluster is learned anew, and from everybody.
    if (!known.cluster.is_pinned) forget_all(backend);
    backend.rival_on = {};
    backend.last_outcome.reset();  // nobody is elected before everybody was asked again
    if (backend.answer && !backend.answer->is_in_recovery) backend.answer.reset();
  }
}

bool topology::change_options(const topology_options& options) {
  memory& known = *memory_;
  const bool was_named = std::exchange(known.options, options).system.value != 0;
  if (options.system.value == 0) {
    // What was named and never seen is no cluster to stay with.
    const bool is_proven = known.current_fence.timeline.value != 0;
    if (!was_named || is_proven) return false;
    replace_mark(known.take_back(known.last_set_aside));
    return true;
  }
  if (known.cluster.is_pinned && known.cluster.system == options.system) return false;
  if (const auto present = mark()) {
    known.set_aside[present->system] = *present;
    known.last_set_aside = present->system;
  }
  replace_mark(known.take_back(options.system));
  return true;
}

recollection topology::recollect() const {
  recollection past{
      .backends = {}, .orders = memory_->orders.recall(), .incumbent = memory_->incumbent, .mark = mark()};
  for (const auto& [id, backend] : memory_->backends)
    if (!backend.is_replaced) past.backends.push_back(recall(id, backend));
  return past;
}

void topology::resume(const recollection& past) {
  memory& known = *memory_;
  PGSTEER_ASSERT(known.backends.empty());
  const auto own = mark();
  const bool is_higher =
      own && past.mark && own->system == past.mark->system && own->timeline > past.mark->timeline;
  if (past.mark && !is_higher) replace_mark(past.mark);
  for (const recollection::backend& each : past.backends) {
    known.last_id = std::max(known.last_id, each.id.value);
    remember(known.backends[each.id], each);
    for (const probe_result& result : each.results) record(each.id, result);
  }
  known.incumbent = past.incumbent;
  known.orders.remember(past.orders);
}

topology_snapshot topology::decide(time_point now) {
  memory& known = *memory_;
  known.lapse_silent(now);
  known.heed_orders(now);
  if (!known.cluster.is_pinned) known.learn({});  // whoever was waited for may have left
  const election elected = elect(known.backends, known.cluster, known.current_fence, known.incumbent);
  known.incumbent = elected.primary;
  known.handover.note_elected(elected.primary);
  note_rivals(known.backends, known.cluster, known.current_fence, elected);
  const knowledge* const primary = elected.primary ? &known.backends.at(*elected.primary) : nullptr;
  if (primary != nullptr) known.primary_write_lsn = primary->answer->write_lsn;

  const auto settled_at = known.primary_settles_until(elected.primary);
  const bool has_stale = known.has_stale_primary();
  known.note_followers(has_stale);
  known.decided_at = now;
  topology_snapshot snapshot = known.judge_fairly(
      {.cluster = known.cluster,
       .current_fence = known.current_fence,
       .elected = elected,
       .primary_write_lsn = known.primary_write_lsn,
       .has_stale_primary = has_stale,
       .now = now,
       .is_primary_answering = primary != nullptr && primary->is_responsive(),
       .fresh_from = known.fresh_from,
       .is_asked_again = was_everybody_asked_since(known.backends, known.fresh_from),
       .role_ttl = known.options.role_ttl,
       .ends_idle_sessions = known.options.smart_shutdown == smart_shutdown::end_idle_sessions,
       .is_settling = settled_at && now < *settled_at,
       .is_switching_over =
           elected.primary && known.handover.announced_until(*elected.primary, now).has_value(),
       .is_stopped_soon = elected.primary && known.handover.is_stopped_soon(*elected.primary, now)});
  const bool is_first = snapshot.generation == 0;
  if (is_first || !is_same_decision(snapshot, known.published)) ++snapshot.generation;
  check_invariants(snapshot);
  known.published = snapshot;
  return snapshot;
}

std::optional<time_point> topology::next_deadline() const {
  std::optional<time_point> first;
  const auto consider = [&first](time_point instant) { first = first ? std::min(*first, instant) : instant; };
  for (const auto& [id, backend] : memory_->backends) {
    const backend_status* status = memory_->published.find(id);
    // Knowledge is good up to and including role_ttl, so it is too old one tick later. Who refuses the probe
    // shows it in the reason even where it is not eligible.
    const time_point old_at = backend.answered_at + memory_->options.role_ttl + duration{1};
    const bool is_usable = status != nullptr && (status->is_rw_eligible || is_delayed(status->reason));
    const bool is_used = is_usable || (status != nullptr && backend.is(standing::refusing));
    if (is_used && backend.answer && old_at > memory_->decided_at) consider(old_at);
    // Whether it rests shows in the reason even where it is eligible.
    if (backend.rests_until > memory_->decided_at && backend.rests_until != time_point::max())
      consider(backend.rests_until);
    if (backend.silent_since && !backend.is_dead) {
      consider(*backend.silent_since + memory_->options.dead_after);
    }
  }
  const auto consider_later = [&](std::optional<time_point> instant) {
    if (instant && *instant > memory_->decided_at) consider(*instant);
  };
  consider_later(memory_->orders.next_end());
  consider_later(memory_->primary_settles_until(memory_->incumbent));
  if (memory_->incumbent)
    consider_later(memory_->handover.announced_until(*memory_->incumbent, memory_->decided_at));
  return first;
}

}  // namespace pgsteer::topology
