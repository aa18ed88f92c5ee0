#include "soak/role_changes_script.hpp"

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "pgsteer/net/as_result.hpp"

namespace pgsteer::soak {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

// Pauses between acts: mostly shorter than a probe takes, at times long enough to be seen by everybody.
constexpr std::array pauses{milliseconds{0}, milliseconds{0}, milliseconds{0}, milliseconds{0},
                            milliseconds{0}, milliseconds{0}, milliseconds{1}, milliseconds{1},
                            milliseconds{2}, milliseconds{4}};
// Every so many acts the newest primary is left alone until logins are through.
constexpr std::uint64_t acts_per_rest = 100;
constexpr milliseconds rest{50};
constexpr std::uint64_t other_system = 4'711;

}  // namespace

role_script::role_script(asio::io_context& context, backends& actors, std::uint64_t seed)
    : context_(context), actors_(actors), random_(seed) {}

asio::awaitable<void> role_script::play(role_script& self, std::uint64_t changes) {
  asio::steady_timer timer(self.context_);
  for (std::uint64_t acts = 1; self.changes() < changes; ++acts) {
    self.act();
    const bool is_resting = acts % acts_per_rest == 0;
    if (is_resting) self.set_in_order();
    const milliseconds pause = is_resting ? rest : pauses[self.pick(pauses.size())];
    if (pause == milliseconds{0}) continue;
    timer.expires_after(pause);
    co_await timer.async_wait(net::as_result);
  }
  self.set_in_order();
}

scripted_backend& role_script::any() {
  return *actors_[pick(actors_.size())];
}

scripted_backend* role_script::newest_primary() const {
  scripted_backend* newest = nullptr;
  for (const auto& actor : actors_) {
    const test::role_state& role = actor->role();
    if (role.is_in_recovery || role.system_identifier == other_system) continue;
    if (newest == nullptr || role.timeline > newest->role().timeline) newest = actor.get();
  }
  return newest;
}

void role_script::change(scripted_backend& who, const test::role_state& role, bool restarts) {
  who.take_role(role);
  if (restarts) who.drop_all();
  changes_.fetch_add(1, std::memory_order_relaxed);
}

void role_script::act() {
  scripted_backend& who = any();
  switch (pick(12)) {
    case 0:
    case 1:
      return promote(who);
    case 2:
    case 3:
    case 4: {  // a switchover
      scripted_backend* const before = newest_primary();
      if (before != nullptr) demote(*before);
      promote(who);
      return follow();
    }
    case 5:
      return demote(who);
    case 6:
    case 7:
      return follow();
    case 8:
      return lose_signal(who);
    case 9:
      return stop_or_start(who);
    case 10:
      return freeze_or_thaw(who);
    default:
      return give_away(who);
  }
}

// The old primary may still be one: it is for pgsteer to see that its timeline is behind.
void role_script::promote(scripted_backend& who) {
  test::role_state role = who.role();
  if (!role.is_in_recovery || role.system_identifier == other_system) return;
  role.is_in_recovery = false;
  role.timeline = ++highest_;
  role.write_lsn = lsn_ += 0x100;
  change(who, role, false);
}

// PostgreSQL restarts for it; here at times not even that.
void role_script::demote(scripted_backend& who) {
  test::role_state role = who.role();
  if (role.is_in_recovery || role.system_identifier == other_system) return;
  role.is_in_recovery = true;
  if (pick(4) > 0) role.timeline = highest_;
  role.receive_lsn = role.replay_lsn = lsn_;
  change(who, role, pick(4) > 0);
}

// Standbys go over to the newest timeline; some are left behind.
void role_script::follow() {
  for (const auto& actor : actors_) {
    test::role_state role = actor->role();
    const bool is_behind = role.is_in_recovery && role.timeline != highest_;
    if (!is_behind || role.system_identifier == other_system || pick(5) == 0) continue;
    role.timeline = highest_;
    role.receive_lsn = role.replay_lsn = lsn_;
    change(*actor, role, false);
  }
}

// It restarts as a primary of the timeline that it is on: behind the fence, or beside the primary.
void role_script::lose_signal(scripted_backend& who) {
  test::role_state role = who.role();
  if (!role.is_in_recovery || role.system_identifier == other_system || role.timeline == highest_) return;
  role.is_in_recovery = false;
  role.write_lsn = lsn_;
  change(who, role, true);
}

void role_script::stop_or_start(scripted_backend& who) {
  who.is_running() ? who.stop() : who.start();
  changes_.fetch_add(1, std::memory_order_relaxed);
}

void role_script::freeze_or_thaw(scripted_backend& who) {
  if (!who.is_running()) return;
  who.is_frozen() ? who.thaw() : who.freeze();
  changes_.fetch_add(1, std::memory_order_relaxed);
}

// The address belongs to another cluster from now on, or to ours again.
void role_script::give_away(scripted_backend& who) {
  test::role_state role;
  const bool is_away = who.role().system_identifier == other_system;
  if (!is_away && pick(2) == 0) return;
  role.system_identifier = is_away ? test::role_state{}.system_identifier : other_system;
  role.is_in_recovery = is_away || pick(2) == 0;
  role.timeline = is_away ? highest_ : highest_ + static_cast<std::uint32_t>(pick(100));
  role.receive_lsn = role.replay_lsn = lsn_;
  change(who, role, true);
}

// Everybody runs, is of our cluster and follows one primary, as every failover ends. A timeline newer than
// the newest primary's may have been seen: the next promotion goes past it.
void role_script::set_in_order() {
  for (const auto& actor : actors_) {
    if (!actor->is_running()) stop_or_start(*actor);
    if (actor->is_frozen()) freeze_or_thaw(*actor);
    if (actor->role().system_identifier == other_system) give_away(*actor);
  }
  scripted_backend* newest = newest_primary();
  if (newest == nullptr || newest->role().timeline != highest_) {
    if (newest != nullptr) demote(*newest);
    newest = actors_[pick(actors_.size())].get();
    demote(*newest);
    promote(*newest);
  }
  for (const auto& actor : actors_) {
    if (actor.get() == newest) continue;
    demote(*actor);
    test::role_state role = actor->role();
    if (role.timeline == highest_) continue;
    role.timeline = highest_;
    role.receive_lsn = role.replay_lsn = lsn_;
    change(*actor, role, false);
  }
}

}  // namespace pgsteer::soak
