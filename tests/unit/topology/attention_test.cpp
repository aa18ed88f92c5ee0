#include "pgsteer/topology/attention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>

namespace pgsteer::topology {
namespace {

// What happened as text, and the orders of the last event as text, so that rows read as the specification.
// Events are separated by ';', backends are single letters.
//   primary a       a decision: a is the primary and usable
//   held a          a decision: a is the primary, but takes no rw login
//   ordered a       likewise, and by the operator's order alone; after name
//   none            a decision: nobody is primary
//   name ab         a decision like the one before, by which discovery names these; others are leaving
//   rename a        likewise: discovery calls it by another name
//   forget a        likewise: it is no longer there
//   same a          the decision before once more, with its generation, whatever it says
//   hint a WORD     by a session or a login
//   late a          its probe is late
//   replaced        the operator replaced the mark
//   run MS          so much time passes with a tick each tick_interval
//   stop MS         so much time passes without, and then comes a tick
//   wait MS         so much time passes between two ticks
class vigil {
 public:
  explicit vigil(time_point start) : now_(start) { told_ = in_words(attention_.tick(now_)); }

  // The orders of the last event: "ask a, burst a, burst all, end bursts, refresh, pause 1500".
  std::string play(const std::string& events) {
    std::istringstream stream(events);
    for (std::string event; std::getline(stream, event, ';');) {
      std::istringstream words(event);
      told_ = perform(words);
    }
    return told_;
  }

 private:
  static backend_id id_of(char letter) { return {static_cast<std::uint32_t>(letter - 'a' + 1)}; }

  static hint hint_of(const std::string& word) {
    if (word == "session_lost") return hint::session_lost;
    if (word == "session_ended") return hint::session_ended;
    if (word == "login_slow") return hint::login_slow;
    if (word == "login_failed") return hint::login_failed;
    if (word == "discovery_changed") return hint::discovery_changed;
    throw std::invalid_argument("no such hint: " + word);
  }

  static std::string in_words(const orders& wanted) {
    std::string text;
    for (const order& one : wanted) {
      const char letter = static_cast<char>('a' + one.id.value - 1);
      text += text.empty() ? "" : ", ";
      switch (one.what) {
        case order::kind::ask_once:
          text += std::string("ask ") + letter;
          break;
        case order::kind::burst:
          text += std::string("burst ") + letter;
          break;
        case order::kind::burst_all:
          text += "burst all";
          break;
        case order::kind::end_bursts:
          text += "end bursts";
          break;
        case order::kind::refresh_discovery:
          text += "refresh";
          break;
        case order::kind::note_pause:
          text += "pause " + std::to_string(one.stood_still / milliseconds{1});
          break;
      }
    }
    return text;
  }

  std::string perform(std::istringstream& words) {
    std::string what;
    std::string whom;
    words >> what >> whom;
    const backend_id id = whom.empty() ? backend_id{} : id_of(whom.front());
    if (what == "hint") {
      std::string noticed;
      words >> noticed;
      return in_words(attention_.note_hint(id, hint_of(noticed)));
    }
    if (what == "late") return in_words(attention_.note_late(id));
    if (what == "replaced") return in_words(attention_.note_mark_replaced());
    if (what == "run" || what == "stop" || what == "wait") return pass(what, milliseconds{std::stoi(whom)});
    if (what == "name" || what == "rename" || what == "forget") return discover(what, whom);
    if (what != "primary" && what != "held" && what != "ordered" && what != "none" && what != "same") {
      throw std::invalid_argument("no such event: " + what);
    }
    return decide(what, id);
  }

  std::string pass(const std::string& how, duration length) {
    if (how != "run") {
      now_ += length;
      return how == "wait" ? "" : in_words(attention_.tick(now_));
    }
    std::string all;
    for (const time_point end = now_ + length; now_ < end;) {
      now_ += std::min<duration>(tick_interval, end - now_);
      const std::string told = in_words(attention_.tick(now_));
      all += all.empty() || told.empty() ? told : ", " + told;
    }
    return all;
  }

  std::string decide(const std::string& how, backend_id id) {
    if (how != "same") ++snapshot_.generation;
    snapshot_.primary.reset();
    snapshot_.rw_valid_until.reset();
    if (how != "none") snapshot_.primary = id;
    for (backend_status& status : snapshot_.backends) {
      const bool is_ordered = how == "ordered" && status.id == id;
      status.reason.what = is_ordered ? verdict_reason::kind::primary_ordered : verdict_reason::kind::none;
    }
    if (how == "primary" || how == "same") snapshot_.rw_valid_until = now_ + seconds{3};
    return in_words(attention_.note_snapshot(snapshot_, now_));
  }

  std::string discover(const std::string& what, const std::string& letters) {
    if (what == "name") {
      for (backend_status& status : snapshot_.backends) status.is_leaving = true;
    }
    for (const char letter : letters) {
      backend_status named;
      named.id = id_of(letter);
      named.name = std::string(1, letter) + ".example:5432";
      const auto place = std::ranges::lower_bound(snapshot_.backends, named.id, {}, &backend_status::id);
      const bool is_known = place != snapshot_.backends.end() && place->id == named.id;
      if (what == "forget") {
        snapshot_.backends.erase(place);
      } else if (what == "rename") {
        place->name = "new." + place->name.text();
      } else if (is_known) {
        place->is_leaving = false;
      } else {
        snapshot_.backends.insert(place, named);
      }
    }
    ++snapshot_.generation;
    return in_words(attention_.note_snapshot(snapshot_, now_));
  }

  attention attention_;
  topology_snapshot snapshot_;
  time_point now_;
  std::string told_;
};

struct attention_case {
  const char* name;
  const char* events;
  const char* orders;  // of the last event
};

void check(const attention_case& row) {
  SCOPED_TRACE(row.name);
  EXPECT_EQ(vigil(time_point{} + seconds{1000}).play(row.events), row.orders);
  EXPECT_EQ(vigil(time_point{}).play(row.events), row.orders) << "just after the host was started";
}

TEST(Attention, AsksOnceForWhatMayBeNothing) {
  for (const attention_case& row : {
           attention_case{"a session was lost", "primary a; hint b session_lost", "refresh, ask b"},
           {"the primary's session was lost", "primary a; hint a session_lost", "refresh, ask a"},
           {"a session was ended", "primary a; hint b session_ended", "ask b"},
           {"the primary ended a session", "primary a; hint a session_ended", "ask a"},
           {"a login is slow", "primary a; hint b login_slow", "ask b"},
           {"a login to the primary is slow", "primary a; hint a login_slow", "ask a"},
           {"nobody was ever primary", "hint b session_lost", "refresh, ask b"},
       }) {
    check(row);
  }
}

TEST(Attention, AsksAgainAndAgainWhereALoginFailedOrAProbeIsLate) {
  for (const attention_case& row : {
           attention_case{"a standby's login failed", "primary a; hint b login_failed", "burst b, refresh"},
           {"a standby's probe is late", "primary a; late b", "burst b"},
           {"before the first decision", "hint b login_failed", "burst b, refresh"},
           {"discovery was told of a standby", "primary a; hint b discovery_changed", "burst b"},
           {"so before the first decision", "hint b discovery_changed", "burst b"},
       }) {
    check(row);
  }
}

// Its loss is followed by a promotion elsewhere.
TEST(Attention, AsksEverybodyForADoubtAboutThePrimary) {
  for (const attention_case& row : {
           attention_case{"a login failed", "primary a; hint a login_failed", "burst all, refresh"},
           {"a probe is late", "primary a; late a", "burst all"},
           {"discovery was told of it", "primary a; hint a discovery_changed", "burst all"},
           {"discovery was told of the last one", "primary a; primary b; hint a discovery_changed",
            "burst a"},
           {"it takes no logins", "held a; hint a login_failed", "burst all, refresh"},
           {"it is not the primary any more", "primary a; primary b; hint a login_failed",
            "burst a, refresh"},
           {"it was primary, and nobody is", "primary a; none; late a", "burst a"},
       }) {
    check(row);
  }
}

TEST(Attention, WatchesEverybodyBetweenAPrimaryAndTheNext) {
  for (const attention_case& row : {
           attention_case{"nobody is primary any more", "primary a; none", "burst all"},
           {"the primary takes no logins", "primary a; held a", "burst all"},
           {"one that never took logins counts", "held a", "burst all"},
           {"the operator keeps logins from it", "name ab; primary a; ordered a", ""},
           {"it is lost meanwhile", "name ab; primary a; ordered a; none", "burst all"},
           {"it is back, and nobody may use it", "name ab; primary a; held a; ordered a", "end bursts"},
           {"at a start nobody was lost", "none", ""},
           {"at a start, later", "none; run 10000", ""},
           {"the next one is proven", "primary a; none; primary b", "end bursts"},
           {"the same one is back", "primary a; held a; primary a", "end bursts"},
           {"another decision meanwhile", "primary a; held a; none", ""},
           {"another decision afterwards", "primary a; none; primary b; primary b", ""},
           {"one primary follows another at once", "primary a; primary b", ""},
           {"the first one is proven", "primary a", ""},
           {"a decision that was told before", "primary a; none; same b", ""},
           {"a second loss soon after the first", "primary a; none; primary b; none", "burst all"},
       }) {
    check(row);
  }
}

TEST(Attention, ProlongsTheWatchWhileItLasts) {
  for (const attention_case& row : {
           attention_case{"not before the interval", "primary a; none; run 400", ""},
           {"each interval", "primary a; none; run 500", "burst all"},
           {"again and again", "primary a; none; run 1500", "burst all, burst all, burst all"},
           {"not after the next one was proven", "primary a; none; run 700; primary b; run 5000", ""},
           {"not without a loss", "primary a; run 5000", ""},
           {"not for ever", "primary a; none; run 120000; run 60000", ""},
           {"a cluster that comes back later", "primary a; none; run 300000; primary a", "end bursts"},
           {"the next loss", "primary a; none; run 300000; primary a; run 1000; none; run 500", "burst all"},
       }) {
    check(row);
  }
}

TEST(Attention, WatchesForTwoMinutesOnly) {
  for (const attention_case& row : {
           attention_case{"the last time", "primary a; none; run 119500; run 500", "burst all"},
           {"not once more", "primary a; none; run 120000; run 500", ""},
       }) {
    check(row);
  }
}

TEST(Attention, TakesALateTickForAPause) {
  for (const attention_case& row : {
           attention_case{"a second", "primary a; stop 1000", "burst all, pause 1000"},
           {"a minute", "primary a; stop 60000", "burst all, pause 60000"},
           {"the host was merely busy", "primary a; stop 999", ""},
           {"a tick in time", "primary a; run 100", ""},
           {"once only", "primary a; stop 5000; run 500", ""},
           {"since the last tick, not the last event", "primary a; wait 600; hint a login_slow; stop 600",
            "burst all, pause 1200"},
           {"without any primary", "stop 1000", "burst all, pause 1000"},
           {"between a primary and the next", "primary a; none; stop 2000", "burst all, pause 2000"},
           {"the watch goes on after it", "primary a; none; stop 300000; run 500", "burst all"},
           {"but not for ever", "primary a; none; stop 300000; run 120000; run 60000", ""},
           {"the loss is seen before the pause is",
            "primary a; wait 300000; held a; stop 0; run 120000; run 60000", ""},
           {"a watch that was over stays over", "primary a; none; run 130000; stop 2000; run 60000", ""},
       }) {
    check(row);
  }
}

TEST(Attention, AsksEverybodyOnceTheOperatorReplacedTheMark) {
  check({"a mark", "primary a; replaced", "burst all"});
  check({"at the start", "replaced", "burst all"});
}

// A pod that moved, a primary that DNS no longer names: whoever is known may have changed its role.
TEST(Attention, AsksEverybodyKnownOnceWhenDiscoveryChanges) {
  for (const attention_case& row : {
           attention_case{"the first names", "name abc", ""},
           {"one more", "name ab; primary a; name abc", "ask a, ask b"},
           {"one less", "name abc; primary a; name ac", "ask a, ask b, ask c"},
           {"another in its place", "name ab; primary a; name ac", "ask a, ask b"},
           {"one that comes back", "name abc; primary a; name ac; name abc", "ask a, ask b, ask c"},
           {"another name for an address", "name ab; primary a; rename b", "ask a, ask b"},
           {"the same names", "name ab; primary a; name ab", ""},
           {"any other decision", "name ab; primary a; primary b", ""},
           {"one that left is forgotten", "name abc; primary a; name ac; forget b", ""},
           {"one that is new is not asked twice", "name a; name abc; name abcd", "ask a, ask b, ask c"},
           {"everybody anew", "name ab; primary a; name ab; forget ab; name cd", ""},
       }) {
    check(row);
  }
}

TEST(Attention, WatchesWhoeverIsDiscoveredWhileAPrimaryIsLost) {
  for (const attention_case& row : {
           attention_case{"one more", "name ab; primary a; none; name abc", "burst all"},
           {"with the loss", "name ab; primary a; none; primary a; none; name a", "burst all"},
           {"after the watch", "name ab; primary a; none; run 130000; name abc", "ask a, ask b"},
           {"prolonged from then on", "name ab; primary a; none; run 300; name abc; run 400", ""},
       }) {
    check(row);
  }
}

TEST(Attention, MakesNothingOfItsFirstTick) {
  attention fresh;
  EXPECT_EQ(fresh.tick(time_point{} + seconds{100'000}), orders{});
}

}  // namespace
}  // namespace pgsteer::topology
