#include "probe/probe_schedule.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace pgsteer::probe {
namespace {

using ending = probe_schedule::ending;

// Virtual time: starts at an arbitrary instant and moves only when told.
class ProbeSchedule : public testing::Test {
 protected:
  // One probe that takes no time; returns the pause until the next.
  duration probe_once(ending how, double random = 0.5) {
    now_ = std::max(now_, schedule_.due());
    schedule_.start(now_);
    schedule_.end(how, now_, random);
    return schedule_.due() - now_;
  }

  static probe_options with_logins_every_5s() {
    probe_options options;
    options.login_interval = seconds{5};
    return options;
  }

  probe_options options_ = with_logins_every_5s();  // interval 500 ms, burst 20 ms for 2 s
  time_point now_{seconds{1000}};
  probe_schedule schedule_{options_, now_};
};

TEST_F(ProbeSchedule, StartsAtOnce) {
  EXPECT_EQ(schedule_.due(), now_);
}

TEST_F(ProbeSchedule, SpreadsTheSecondProbesOverAnInterval) {
  EXPECT_EQ(probe_once(ending::answered, 0.25), milliseconds{125});
  probe_schedule other(options_, now_);
  other.start(now_);
  other.end(ending::answered, now_, 0.75);
  EXPECT_EQ(other.due() - now_, milliseconds{375});
}

TEST_F(ProbeSchedule, IsNeverSlowerThanTheInterval) {
  probe_once(ending::answered);
  EXPECT_EQ(probe_once(ending::answered, 0.0), milliseconds{450});
  EXPECT_LE(probe_once(ending::answered, 0.999), milliseconds{500});
}

TEST_F(ProbeSchedule, BacksOffUpToTheInterval) {
  const std::vector<milliseconds> expected{milliseconds{100}, milliseconds{200}, milliseconds{400},
                                           milliseconds{500}, milliseconds{500}};
  for (const auto pause : expected) EXPECT_EQ(probe_once(ending::failed), pause);
  probe_once(ending::answered);
  EXPECT_EQ(probe_once(ending::failed), milliseconds{100});
}

// A session is lost while the answer to an older question is on its way.
TEST_F(ProbeSchedule, ADoubtDuringAProbeIsAskedBehindIt) {
  probe_once(ending::answered);
  now_ = schedule_.due();
  schedule_.start(now_);
  schedule_.ask_once(now_ + milliseconds{5});
  schedule_.end(ending::answered, now_ + milliseconds{10}, 0.5);
  EXPECT_EQ(schedule_.due() - now_, milliseconds{20}) << "not sooner than a burst";
  EXPECT_GE(probe_once(ending::answered), milliseconds{450}) << "once";

  now_ = schedule_.due();
  schedule_.start(now_);
  schedule_.ask_once(now_ + milliseconds{5});
  schedule_.end(ending::answered, now_ + milliseconds{100}, 0.5);
  EXPECT_EQ(schedule_.due() - now_, milliseconds{100}) << "at once";
}

// A password that was changed, or no slot left: each try is a process and a line in PostgreSQL's log.
TEST_F(ProbeSchedule, BacksOffInABurstWhereItIsTurnedAway) {
  schedule_.hint(now_);
  EXPECT_EQ(probe_once(ending::turned_away), milliseconds{100});
  EXPECT_EQ(probe_once(ending::turned_away), milliseconds{200});
  EXPECT_EQ(probe_once(ending::failed), milliseconds{20});
}

TEST_F(ProbeSchedule, CountsTheIntervalFromTheStartOfTheProbe) {
  probe_once(ending::answered);
  now_ = schedule_.due();
  schedule_.start(now_);
  schedule_.end(ending::failed, now_ + milliseconds{300}, 0.5);
  EXPECT_EQ(schedule_.due(), now_ + milliseconds{100});  // passed: at once
}

TEST_F(ProbeSchedule, ProbesAtOnceOnAHintAndThenInABurst) {
  probe_once(ending::answered);
  now_ += milliseconds{50};
  schedule_.hint(now_);
  EXPECT_EQ(schedule_.due(), now_);
  EXPECT_EQ(probe_once(ending::answered), milliseconds{20});
  EXPECT_EQ(probe_once(ending::failed), milliseconds{20});
  now_ += seconds{2};
  EXPECT_FALSE(schedule_.is_burst(now_));
  EXPECT_EQ(probe_once(ending::answered, 0.5), milliseconds{250});  // spread anew
}

TEST_F(ProbeSchedule, EndsABurstWhenSettled) {
  schedule_.hint(now_);
  probe_once(ending::answered);
  schedule_.end_bursts();
  probe_once(ending::answered);
  EXPECT_EQ(probe_once(ending::answered, 0.0), milliseconds{450});
}

TEST_F(ProbeSchedule, KeepsTheBurstIntervalUnderAStormOfHints) {
  probe_once(ending::answered);
  const time_point started = now_;
  for (int i = 0; i < 1000; ++i) schedule_.hint(now_ += std::chrono::microseconds{10});
  EXPECT_EQ(schedule_.due(), started + milliseconds{20});
}

TEST_F(ProbeSchedule, ProbesAgainAfterAHintDuringAProbe) {
  probe_once(ending::answered);
  now_ = schedule_.due();
  schedule_.start(now_);
  schedule_.hint(now_ + milliseconds{1});
  schedule_.end(ending::answered, now_ + milliseconds{2}, 0.5);
  EXPECT_EQ(schedule_.due(), now_ + milliseconds{20});
}

TEST_F(ProbeSchedule, LogsInAtOnceAfterALoss) {
  probe_once(ending::answered, 0.9);
  now_ += milliseconds{30};
  schedule_.lose(now_);
  EXPECT_EQ(schedule_.due(), now_);
  EXPECT_EQ(probe_once(ending::failed), milliseconds{100});
}

TEST_F(ProbeSchedule, DoesNotSpinOnABackendThatEndsEveryConnection) {
  probe_once(ending::answered);
  schedule_.lose(now_ + milliseconds{1});
  EXPECT_EQ(schedule_.due(), now_ + milliseconds{20});
}

TEST_F(ProbeSchedule, TriesAFreshLoginEveryLoginInterval) {
  EXPECT_EQ(schedule_.login_due() - now_, seconds{5});
  schedule_.start_login(now_);
  EXPECT_EQ(schedule_.login_due(), time_point::max()) << "one at a time";
  schedule_.end_login(ending::answered, 0.0);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{3750});
  schedule_.start_login(now_);
  schedule_.end_login(ending::answered, 0.999);
  EXPECT_LT(schedule_.login_due() - now_, seconds{5}) << "what the option promises holds";
}

// A smart shutdown shows in nothing else, and waits for the probe's own connection too.
TEST_F(ProbeSchedule, TriesAPrimaryOftener) {
  schedule_.note_role(false);
  EXPECT_EQ(schedule_.login_due() - now_, seconds{1}) << "at once, not after the interval of others";
  schedule_.start_login(now_);
  schedule_.note_role(false);
  EXPECT_EQ(schedule_.login_due(), time_point::max()) << "one at a time";
  schedule_.end_login(ending::answered, 0.0);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{750});
  schedule_.note_role(true);
  schedule_.start_login(now_);
  schedule_.end_login(ending::answered, 0.0);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{3750});
}

TEST_F(ProbeSchedule, TriesAPrimaryNoLessOftenThanOthers) {
  options_.login_interval = milliseconds{500};
  probe_schedule frequent(options_, now_);
  frequent.note_role(false);
  EXPECT_EQ(frequent.login_due() - now_, milliseconds{500});
}

TEST_F(ProbeSchedule, TakesAClientsLoginForItsOwnAtAPrimary) {
  schedule_.note_client_login(now_ + milliseconds{400}, 0.0);
  schedule_.note_role(false);
  EXPECT_EQ(schedule_.login_due() - now_, seconds{1}) << "at a primary alone";
  schedule_.note_client_login(now_ + milliseconds{400}, 0.0);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{1150});
  schedule_.note_client_login(now_ + milliseconds{100}, 0.0);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{1150}) << "never sooner for it";
  schedule_.note_role(false);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{1150}) << "nor for what it has said before";
}

// Where something is wrong, one client that was let in says little.
TEST_F(ProbeSchedule, TriesAPrimaryItselfAfterAHint) {
  schedule_.note_role(false);
  schedule_.start_login(now_);
  schedule_.end_login(ending::answered, 0.5);
  schedule_.hint(now_ + milliseconds{10});
  schedule_.note_client_login(now_ + milliseconds{20}, 0.5);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{500});
}

TEST_F(ProbeSchedule, WatchesAStandbyAndNobodyElse) {
  EXPECT_FALSE(schedule_.wants_watching(now_)) << "its role is not known";
  schedule_.note_role(true);
  EXPECT_TRUE(schedule_.wants_watching(now_));
  schedule_.hint(now_);
  EXPECT_FALSE(schedule_.wants_watching(now_)) << "it is asked more often than that";
  schedule_.end_bursts();
  EXPECT_TRUE(schedule_.wants_watching(now_));
  schedule_.note_role(false);
  EXPECT_FALSE(schedule_.wants_watching(now_));
}

// 5 ms for each: 50 us of a core at 1 %.
TEST_F(ProbeSchedule, WatchesManyStandbysLessOften) {
  EXPECT_EQ(watch_interval_of(options_, 0), milliseconds{25});
  EXPECT_EQ(watch_interval_of(options_, 5), milliseconds{25});
  EXPECT_EQ(watch_interval_of(options_, 6), milliseconds{30});
  EXPECT_EQ(watch_interval_of(options_, 256), milliseconds{1280});
  options_.watch_interval = seconds{1};
  EXPECT_EQ(watch_interval_of(options_, 12), seconds{1});
}

TEST_F(ProbeSchedule, RetriesAFailedLoginAtEachInterval) {
  schedule_.start_login(now_);
  schedule_.end_login(ending::failed, 0.5);
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{500});
}

TEST_F(ProbeSchedule, TriesAFreshLoginOnAHintButNotOftenerThanTheInterval) {
  schedule_.start_login(now_);
  schedule_.end_login(ending::answered, 0.5);
  schedule_.hint(now_ + milliseconds{10});
  EXPECT_EQ(schedule_.login_due() - now_, milliseconds{500});
}

TEST_F(ProbeSchedule, GoesByChangedIntervalsAtOnce) {
  probe_once(ending::answered);
  probe_once(ending::answered);
  probe_options next = options_;
  next.interval = milliseconds{100};
  next.login_interval = seconds{1};
  schedule_.change_options(next, now_);
  EXPECT_LE(schedule_.due() - now_, milliseconds{100});
  EXPECT_LE(schedule_.login_due() - now_, seconds{1});
  EXPECT_EQ(probe_once(ending::answered, 0.0), milliseconds{90});
  next.interval = seconds{2};
  schedule_.change_options(next, now_);
  EXPECT_EQ(probe_once(ending::answered, 0.0), milliseconds{1800});
}

}  // namespace
}  // namespace pgsteer::probe
