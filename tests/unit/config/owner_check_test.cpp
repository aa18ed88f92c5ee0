// check() of every options.hpp that config fills: defaults pass, and each value that would break its owner
// fails.
#include <gtest/gtest.h>

#include "pgsteer/admin/errc.hpp"
#include "pgsteer/config/config.hpp"
#include "pgsteer/discovery/errc.hpp"
#include "pgsteer/net/errc.hpp"
#include "pgsteer/probe/errc.hpp"
#include "pgsteer/relay/errc.hpp"

namespace pgsteer {
namespace {

// Options as change leaves the defaults.
template <class Options>
error_code verdict_on(void (*change)(Options&)) {
  Options options;
  change(options);
  const result<void> verdict = check(options);
  return verdict ? error_code{} : verdict.error();
}

template <class Options>
void expect_invalid(const error_code& expected, std::initializer_list<void (*)(Options&)> changes) {
  EXPECT_FALSE(verdict_on<Options>([](Options&) {})) << "the defaults";
  int index = 0;
  for (const auto change : changes) {
    SCOPED_TRACE("change " + std::to_string(index++));
    EXPECT_EQ(verdict_on<Options>(change), expected);
    EXPECT_FALSE(expected.message().empty());
  }
}

TEST(TcpOptions, StayInsideTheKernelsBounds) {
  using net::tcp_options;
  expect_invalid<tcp_options>(
      net::errc::invalid_options,
      {[](tcp_options& o) { o.keepalive_idle = seconds{0}; },
       [](tcp_options& o) { o.keepalive_idle = seconds{32'768}; },
       [](tcp_options& o) { o.keepalive_interval = seconds{0}; },
       [](tcp_options& o) { o.keepalive_interval = seconds{32'768}; },
       [](tcp_options& o) { o.keepalive_count = 0; }, [](tcp_options& o) { o.keepalive_count = 128; },
       [](tcp_options& o) { o.user_timeout = milliseconds{-1}; },
       [](tcp_options& o) { o.user_timeout = milliseconds{2'147'483'648}; }});
  EXPECT_FALSE(verdict_on<tcp_options>([](tcp_options& o) { o.user_timeout = milliseconds{0}; }));
}

TEST(RelayOptions, NeedABufferAndTurns) {
  using relay::relay_options;
  expect_invalid<relay_options>(
      relay::errc::invalid_options,
      {[](relay_options& o) { o.buffer_bytes = 0; }, [](relay_options& o) { o.reads_per_turn_max = 0; },
       [](relay_options& o) { o.half_close_timeout = duration::zero(); }});
}

TEST(ProbeOptions, AreConsistent) {
  using probe::probe_options;
  expect_invalid<probe_options>(
      probe::errc::invalid_options,
      {[](probe_options& o) { o.user.clear(); }, [](probe_options& o) { o.database.clear(); },
       [](probe_options& o) { o.interval = duration::zero(); },
       [](probe_options& o) { o.burst_interval = duration::zero(); },
       [](probe_options& o) { o.burst_interval = o.interval + milliseconds{1}; },
       [](probe_options& o) { o.burst_time = duration::zero(); },
       [](probe_options& o) { o.timeout = duration::zero(); },
       [](probe_options& o) { o.login_interval = duration::zero(); },
       [](probe_options& o) { o.sslmode = "verify_full"; }, [](probe_options& o) { o.sslmode.clear(); },
       [](probe_options& o) { o.passfile = o.password_file = "/a"; }});
}

template <class Options>
void expect_refused(std::initializer_list<void (*)(Options&)> changes) {
  EXPECT_TRUE(are_valid(Options{})) << "the defaults";
  int index = 0;
  for (const auto change : changes) {
    Options options;
    change(options);
    EXPECT_FALSE(are_valid(options)) << "change " << index++;
  }
}

TEST(LimitOptions, AreAnOrdering) {
  using runtime::limit_options;
  expect_refused<limit_options>({[](limit_options& o) { o.held_logins_max = o.pending_logins_max + 1; },
                                 [](limit_options& o) { o.pending_logins_max = o.sessions_max + 1; },
                                 [](limit_options& o) { o.held_logins_max = 0; },
                                 [](limit_options& o) { o.concurrent_dials_max = 0; },
                                 [](limit_options& o) { o.concurrent_cancels_max = 0; }});
}

TEST(LoginOptions, AreTimesThatFitEachOther) {
  using runtime::login_options;
  expect_refused<login_options>(
      {[](login_options& o) { o.startup_timeout = duration::zero(); },
       [](login_options& o) { o.connect_timeout = duration::zero(); },
       [](login_options& o) { o.connect_timeout = o.login_timeout + milliseconds{1}; },
       [](login_options& o) { o.cancel_timeout = duration::zero(); }});
}

TEST(ListenerOptions, NeedANameAndAnAddress) {
  const runtime::listener_options good{"rw", {"127.0.0.1", 0}, {}, seconds{0}};
  EXPECT_TRUE(are_valid(good));
  runtime::listener_options nameless = good;
  nameless.name.clear();
  runtime::listener_options nowhere = good;
  nowhere.bind.host.clear();
  runtime::listener_options backwards = good;
  backwards.hold_timeout = -seconds{1};
  for (const auto& bad : {nameless, nowhere, backwards}) EXPECT_FALSE(are_valid(bad));
}

TEST(RuntimeOptions, AreValidIfEachOfThemIs) {
  runtime::options all;
  all.listeners.push_back({"rw", {"127.0.0.1", 0}, {}, seconds{0}});
  EXPECT_TRUE(are_valid(all));
  runtime::options listener = all, limits = all, login = all;
  listener.listeners.emplace_back();
  limits.limits.sessions_max = 0;
  login.login.cancel_timeout = duration::zero();
  for (const auto& bad : {listener, limits, login}) EXPECT_FALSE(are_valid(bad));
}

TEST(DiscoveryOptions, NameAtLeastOneBackend) {
  using discovery::discovery_options;
  using discovery::dns_options;
  using discovery::static_options;
  EXPECT_TRUE(check(discovery_options{static_options{{{"a", 5432}}, seconds{1}}}));
  EXPECT_TRUE(check(discovery_options{dns_options{"pg", 5432, seconds{1}}}));
  const std::vector<discovery_options> bad{static_options{},
                                           static_options{{{"", 5432}}, seconds{1}},
                                           static_options{{{"a", 0}}, seconds{1}},
                                           static_options{{{"a", 5432}}, seconds{0}},
                                           dns_options{},
                                           dns_options{"pg", 0, seconds{1}},
                                           dns_options{"pg", 5432, seconds{0}}};
  for (const discovery_options& each : bad) {
    const result<void> verdict = check(each);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error(), discovery::errc::invalid_options);
  }
}

TEST(AdminOptions, NeedAnAddress) {
  expect_invalid<admin::admin_options>(admin::errc::invalid_options,
                                       {[](admin::admin_options& o) { o.bind.host.clear(); }});
}

}  // namespace
}  // namespace pgsteer
