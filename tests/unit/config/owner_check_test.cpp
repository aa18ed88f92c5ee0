// are_valid() of every options.hpp that config fills: it holds for the defaults, and for no value that would
// break its owner.
#include <gtest/gtest.h>

#include "pgsteer/config/config.hpp"

namespace pgsteer {
namespace {

// Of the defaults, once change has been made to them.
template <class Options>
bool are_valid_with(void (*change)(Options&)) {
  Options options;
  change(options);
  return are_valid(options);
}

template <class Options>
void expect_invalid(std::initializer_list<void (*)(Options&)> changes) {
  EXPECT_TRUE(are_valid(Options{})) << "the defaults";
  int index = 0;
  for (const auto change : changes) EXPECT_FALSE(are_valid_with(change)) << "change " << index++;
}

TEST(TcpOptions, StayInsideTheKernelsBounds) {
  using net::tcp_options;
  expect_invalid<tcp_options>({[](tcp_options& o) { o.keepalive_idle = seconds{0}; },
                               [](tcp_options& o) { o.keepalive_idle = seconds{32'768}; },
                               [](tcp_options& o) { o.keepalive_interval = seconds{0}; },
                               [](tcp_options& o) { o.keepalive_interval = seconds{32'768}; },
                               [](tcp_options& o) { o.keepalive_count = 0; },
                               [](tcp_options& o) { o.keepalive_count = 128; },
                               [](tcp_options& o) { o.user_timeout = milliseconds{-1}; },
                               [](tcp_options& o) { o.user_timeout = milliseconds{2'147'483'648}; }});
  EXPECT_TRUE(are_valid_with<tcp_options>([](tcp_options& o) { o.user_timeout = milliseconds{0}; }));
}

TEST(TopologyOptions, KeepSessionsForLongerThanKnowledge) {
  using topology::topology_options;
  expect_invalid<topology_options>({[](topology_options& o) { o.role_ttl = duration::zero(); },
                                    [](topology_options& o) { o.dead_after = o.role_ttl - milliseconds{1}; },
                                    [](topology_options& o) { o.settle = milliseconds{-1}; }});
}

TEST(RelayOptions, NeedABufferAndTurns) {
  using relay::relay_options;
  expect_invalid<relay_options>({[](relay_options& o) { o.buffer_bytes = 0; },
                                 [](relay_options& o) { o.reads_per_turn_max = 0; },
                                 [](relay_options& o) { o.half_close_timeout = duration::zero(); }});
}

TEST(ProbeOptions, AreConsistent) {
  using probe::probe_options;
  expect_invalid<probe_options>(
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

TEST(LimitOptions, AreAnOrdering) {
  using runtime::limit_options;
  expect_invalid<limit_options>({[](limit_options& o) { o.held_logins_max = o.pending_logins_max + 1; },
                                 [](limit_options& o) { o.pending_logins_max = o.sessions_max + 1; },
                                 [](limit_options& o) { o.held_logins_max = 0; },
                                 [](limit_options& o) { o.concurrent_dials_max = 0; },
                                 [](limit_options& o) { o.concurrent_cancels_max = 0; }});
}

TEST(LoginOptions, AreTimesThatFitEachOther) {
  using runtime::login_options;
  expect_invalid<login_options>(
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
  runtime::options listener = all, limits = all, login = all, tcp = all, idle = all;
  listener.listeners.emplace_back();
  limits.limits.sessions_max = 0;
  login.login.cancel_timeout = duration::zero();
  tcp.tcp.keepalive_count = 0;
  idle.encrypted_idle_time = duration::zero();
  for (const auto& bad : {listener, limits, login, tcp, idle}) EXPECT_FALSE(are_valid(bad));
}

TEST(DiscoveryOptions, NameAtLeastOneBackend) {
  using discovery::discovery_options;
  using discovery::dns_options;
  using discovery::static_options;
  EXPECT_TRUE(are_valid(discovery_options{static_options{{{"a", 5432}}, seconds{1}}}));
  EXPECT_TRUE(are_valid(discovery_options{dns_options{"pg", 5432, seconds{1}}}));
  const std::vector<discovery_options> bad{static_options{},
                                           static_options{{{"", 5432}}, seconds{1}},
                                           static_options{{{"a", 0}}, seconds{1}},
                                           static_options{{{"a", 5432}}, seconds{0}},
                                           dns_options{},
                                           dns_options{"pg", 0, seconds{1}},
                                           dns_options{"pg", 5432, seconds{0}}};
  for (const discovery_options& each : bad) EXPECT_FALSE(are_valid(each));
}

TEST(AdminOptions, NeedAnAddress) {
  expect_invalid<admin::admin_options>({[](admin::admin_options& o) { o.bind.host.clear(); }});
}

}  // namespace
}  // namespace pgsteer
