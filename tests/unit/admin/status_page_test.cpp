#include "admin/status_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/admin/sample.hpp"

namespace pgsteer::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string page_of(const sample_state& state) {
  const readiness ready{state.is_draining, state.listeners};
  return status_page({ready, state.view, state.traffic, state.history}, "0123abcd");
}

TEST(StatusPage, ShowsEveryFigure) {
  const std::string page = page_of({});
  for (const char* each : {PGSTEER_VERSION,
                           ">rw<",
                           "0.0.0.0:5432",
                           ">primary<",
                           "prefer-standby",
                           "not ready",
                           "10.0.0.2:5432",
                           "0/BAF6F78",
                           "16/B374D848",
                           "1.5 KiB",
                           "250 ms",
                           ">345<",
                           "41 ms",
                           "3.2 s",
                           "never",
                           "leaving",
                           "10 min left",
                           "primary on the highest timeline",
                           "7711374223114453103",
                           "[fd00::3]:5432",
                           "pg-3.example:5432",
                           "41 in all",
                           "2 rejected",
                           "3.5 MiB in all",
                           "9 in all, 7 released, 5 expired",
                           ">7<"}) {
    EXPECT_THAT(page, HasSubstr(each));
  }
}

TEST(StatusPage, EscapesWhatBackendsAndOperatorsName) {
  const std::string page = page_of({});
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, HasSubstr("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;"));
  EXPECT_THAT(page, HasSubstr("no &lt;standby&gt; within"));
  EXPECT_THAT(page, HasSubstr("[2J l\xef\xbf\xbduft"));
}

TEST(StatusPage, NeedsNothingButItself) {
  const std::string page = page_of({});
  for (const char* each : {"src=", "@import", "url(", "<iframe", "style=\"", "onclick"}) {
    EXPECT_THAT(page, Not(HasSubstr(each)));
  }
  // The only address with a scheme is the name of the pictures' XML namespace.
  for (auto at = page.find("http://"); at != std::string::npos; at = page.find("http://", at + 1))
    EXPECT_EQ(page.substr(at, 26), "http://www.w3.org/2000/svg");
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, HasSubstr("<style nonce=\"0123abcd\">"));
  EXPECT_THAT(page, HasSubstr("<script nonce=\"0123abcd\">"));
}

// It is made from text alone: what a backend says cannot become an element.
TEST(StatusPage, HasAScriptThatMakesNoElementFromMarkup) {
  const std::string page = page_of({});
  for (const char* each : {"innerHTML", "outerHTML", "insertAdjacentHTML", "DOMParser", "document.write",
                           "eval(", "new Function"}) {
    EXPECT_THAT(page, Not(HasSubstr(each)));
  }
}

TEST(StatusPage, RefreshesItselfWithoutScriptToo) {
  EXPECT_THAT(page_of({}), HasSubstr("<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>"));
}

TEST(StatusPage, SaysWhatTheWholeIs) {
  sample_state state;
  EXPECT_THAT(page_of(state), HasSubstr("<span class=\"badge ok\">ready</span>"));
  state.listeners[0].is_ready = false;
  EXPECT_THAT(page_of(state), HasSubstr("<title>pgsteer: not ready</title>"));
  state.is_draining = true;
  EXPECT_THAT(page_of(state), HasSubstr("<span class=\"badge warn\">draining</span>"));
}

TEST(StatusPage, RaisesTheAlarmOfTwoPrimaries) {
  sample_state state;
  EXPECT_THAT(page_of(state), Not(HasSubstr("alarm bad\">Two backends")));
  auto snapshot = *state.view.snapshot;
  snapshot.is_ambiguous = true;
  state.view.snapshot = std::make_shared<const topology::topology_snapshot>(snapshot);
  EXPECT_THAT(page_of(state), HasSubstr("only the one that was primary before, 10.0.0.2:5432, is used"));
  snapshot.primary.reset();
  state.view.snapshot = std::make_shared<const topology::topology_snapshot>(snapshot);
  EXPECT_THAT(page_of(state), HasSubstr("none of them is used until one gives way"));
}

TEST(StatusPage, TellsWhichListenerIsNotReadyAndWhoWaits) {
  sample_state state;
  state.listeners[0].is_ready = false;
  state.listeners[0].reason = "no backend is <proven> primary";
  EXPECT_THAT(
      page_of(state),
      HasSubstr("Listener rw is not ready: no backend is &lt;proven&gt; primary. Held logins: 1.</p>"));
}

TEST(StatusPage, TellsEachFailoverPhaseByPhase) {
  const std::string page = page_of({});
  for (const char* each :
       {"<time datetime=\"2025-11-29 16:15:00Z\">2025-11-29 16:15:00 UTC</time>", "timeline 1 &rarr; 2",
        "over after 1.2 s", "first sign to loss <b>40 ms</b>", "loss to successor&#39;s proof <b>200 ms</b>",
        "settling <b>1.0 s</b>", "to the first rw login <b>10 ms</b>",
        "First sign: connection lost. Logins: 7 held, 6 released, 1 expired, 1 kept off a stale primary. "
        "Sessions on the old primary: 12, the last ended 1.0 s after the proof.",
        "no primary for 3.0 s, rw logins are held", "<b>&lt; 1 ms</b>", "since then <b>3.0 s</b>",
        "3 s ago"}) {
    EXPECT_THAT(page, HasSubstr(each));
  }
  EXPECT_LT(page.find("no primary for"), page.find("over after")) << "the newest comes first";
}

TEST(StatusPage, TellsChangesOfRole) {
  const std::string page = page_of({});
  const std::string roles = page.substr(page.find("<section id=\"roles\">"));
  EXPECT_THAT(roles, HasSubstr("primary</span> &rarr; <span class=\"badge standby\">standby"));
  EXPECT_THAT(roles, HasSubstr("&lt;script&gt;alert"));
}

TEST(StatusPage, SaysThatNothingHasHappenedYet) {
  sample_state state;
  state.history = {};
  const std::string page = page_of(state);
  const std::string none = "None since pgsteer was started.";
  EXPECT_NE(page.find(none), page.rfind(none)) << "no failover, no change of role";
}

// Without its script too.
TEST(StatusPage, HasARowForEachOfTwoHundredBackends) {
  sample_state state;
  auto snapshot = *state.view.snapshot;
  const topology::backend_status standby = snapshot.backends[2];
  while (snapshot.backends.size() < 200) {
    snapshot.backends.push_back(standby);
    const auto i = snapshot.backends.size();
    snapshot.backends.back().address = {"10.1.0." + std::to_string(i), 5432};
  }
  state.view.snapshot = std::make_shared<const topology::topology_snapshot>(snapshot);
  const std::string page = page_of(state);
  for (std::size_t i = 4; i <= 200; ++i)
    EXPECT_THAT(page, HasSubstr(">10.1.0." + std::to_string(i) + ":5432<"));
}

TEST(StatusPage, StandsBeforeTheFirstDecision) {
  sample_state state;
  state.view = {};
  state.traffic = {};
  state.history = {};
  EXPECT_THAT(page_of(state), HasSubstr("No backend is known yet."));
}

}  // namespace
}  // namespace pgsteer::admin
