#include "admin/status_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/admin/sample.hpp"

namespace pgsteer::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string page_of(const sample_state& state) {
  return status_page({state.is_draining, state.listeners}, state.view, "0123abcd");
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
                           "primary on the highest timeline",
                           "7711374223114453103",
                           "[fd00::3]:5432",
                           "pg-3.example:5432"}) {
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
  // The only address with a scheme is the name of the icon's XML namespace.
  EXPECT_EQ(page.find("http://"), page.find("http://www.w3.org/2000/svg"));
  EXPECT_EQ(page.rfind("http://"), page.find("http://www.w3.org/2000/svg"));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, HasSubstr("<style nonce=\"0123abcd\">"));
  EXPECT_THAT(page, HasSubstr("<script nonce=\"0123abcd\">"));
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
  EXPECT_THAT(page_of(state), Not(HasSubstr("claim to be primary")));
  auto snapshot = *state.view.snapshot;
  snapshot.is_ambiguous = true;
  state.view.snapshot = std::make_shared<const topology::topology_snapshot>(snapshot);
  EXPECT_THAT(page_of(state), HasSubstr("only the one that was primary before, 10.0.0.2:5432, is used"));
  snapshot.primary.reset();
  state.view.snapshot = std::make_shared<const topology::topology_snapshot>(snapshot);
  EXPECT_THAT(page_of(state), HasSubstr("none of them is used until one gives way"));
}

TEST(StatusPage, StandsBeforeTheFirstDecision) {
  sample_state state;
  state.view = {};
  EXPECT_THAT(page_of(state), HasSubstr("No backend is known yet."));
}

}  // namespace
}  // namespace pgsteer::admin
