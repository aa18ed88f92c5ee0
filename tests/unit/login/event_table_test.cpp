// Every event in every state: what has an effect, what is let pass, and what cannot come because nobody has
// asked for it (a defect of the driver, which ends the process).
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "unit/login/ways.hpp"

namespace pgsteer::login::test {
namespace {

struct state_row {
  std::string name;
  plan planned;
  std::string reached_by;  // the end of what the login has done by then
  std::string expected;    // '+': has an effect; '.': is let pass; 'x': cannot come
  bool is_queue_full = false;
  int further = 0;  // steps behind that
};

const std::string byte(1, 'x');

// In the order of the variant. The clock stands still, so that no deadline has come.
std::vector<event> all_events(const login_world& world) {
  return {client_bytes{as_bytes(byte)},
          client_written{},
          client_failed{},
          client_seen{client_presence::gone, false},
          picked{{{1}, {"127.0.0.1", 5432}, world.backends[0]}},
          none_eligible{routing::no_backend::no_primary},
          connected{},
          backend_bytes{as_bytes(byte)},
          backend_written{1},
          backend_failed{},
          cancel_delivered{},
          begun{},
          client_readable{},
          woken{},
          snapshot_changed{},
          deadline_passed{},
          stopped{close_reason::draining}};
}

void expect_row(const state_row& row) {
  SCOPED_TRACE(row.name);
  std::string expected = row.expected;
  std::erase(expected, ' ');
  const std::size_t events = all_events(login_world({})).size();
  std::string found;
  for (std::size_t i = 0; i < events; ++i) {
    login_world world(row.planned);
    permit_queue::place taken;
    if (row.is_queue_full) taken = world.enter(0);
    world.inject(begun{});
    while (!world.transcript.ends_with(row.reached_by)) ASSERT_TRUE(world.step()) << world.transcript;
    for (int steps = 0; steps < row.further; ++steps) ASSERT_TRUE(world.step());
    const event what = all_events(world)[i];
    if (i < expected.size() && expected[i] == 'x') {
      EXPECT_DEATH((void)world.machine->resume(what, world.now), "broken invariant") << "event " << i;
      found += 'x';
      continue;
    }
    const action next = world.machine->resume(what, world.now);
    const bool is_let_pass = next.what == action::kind::wait && !next.drops_backend && !next.hint;
    found += is_let_pass ? '.' : '+';
  }
  EXPECT_EQ(found, expected);
}

TEST(EventTable, EachPairIsHandledOrImpossible) {
  GTEST_FLAG_SET(death_test_style, "fast");
  const attempt_plan good = answering({authentication_ok});
  const plan plain{.client = {startup}, .attempts = {good}};
  const plan encrypted{.client = {ssl_request}, .attempts = {answering({"N"})}};
  const plan refused{.client = {ssl_request}, .refused = close_reason::too_many_sessions};
  const plan starting_up{.client = {startup}, .attempts = {answering({error_of("57P03")}), good}};
  const plan room_wait{
      .client = {startup}, .attempts = {good}, .is_held_at_first = true, .full_for = seconds{60}};
  const plan in_trouble{.client = {startup}, .attempts = {{attempt_plan::dial::meets_local_trouble}}};
  // client bytes, written, failed, seen | picked, none | backend connected, bytes, written, failed | cancel
  // delivered | begun, readable, woken, snapshot, deadline, stopped
  const std::vector<state_row> rows{
      {"reading", plain, "read_client", "+x+x xx xxxx x +.... +"},
      {"reading, a backend kept", encrypted, "write_client read_client", "+x+x xx xxxx x +.... +"},
      {"refusing", refused, "read_client", "+x+x xx xxxx x +.... +"},
      {"refusing, declining", refused, "write_client", "x++x xx xxxx x +.... +"},
      {"choosing", plain, "choose", "xxx+ ++ xxxx x x+... +"},
      {"queueing", plain, "choose", "xxx+ xx xxxx x x+.+. +", true, 1},
      {"queueing for room", room_wait, "look look choose", "xxx+ xx xxxx x x+.+. +", false, 1},
      {"dialing", plain, "dial", "xxx+ xx +xx+ x x+... +"},
      {"asking", plain, "write_backend", "xxx+ xx x+++ x x+... +"},
      {"entering a hold", starting_up, "drop choose look", "xxx+ xx xxxx x x+... +"},
      {"held", starting_up, "drop choose look", "xxx+ xx xxxx x x++.. +", false, 1},
      {"leaving a hold", starting_up, "drop choose look look", "xxx+ xx xxxx x x+... +"},
      {"pausing", in_trouble, "drop", "xxx+ xx xxxx x x+... +"},
      {"replying", encrypted, "look", "x+++ xx xxxx x x.... +"},
      {"forwarding a cancel", {.client = {cancel_request}}, "forward_cancel", "xxxx xx xxxx + x.... +"},
      {"logging in", plain, "relay", ".... .. .... . ..... +"},
      {"over", {.client = {wire::packet(2U << 16)}}, "end", ".... .. .... . ..... ."},
  };
  for (const state_row& row : rows) expect_row(row);
}

}  // namespace
}  // namespace pgsteer::login::test
