// Every way of a login, disturbed at every step: whatever happens, it ends or goes on, and gives back all
// that it has taken.
#include <gtest/gtest.h>

#include "unit/login/ways.hpp"

namespace pgsteer::login::test {
namespace {

constexpr std::size_t steps_max = 400;

// Begins, and goes this many steps. False: it was over, or bytes flowed, before.
bool go(login_world& world, std::size_t steps) {
  world.inject(begun{});
  for (std::size_t i = 0; i < steps; ++i) {
    if (world.is_over() || world.is_relaying || !world.step()) return false;
  }
  return true;
}

// Afterwards nothing is left but what the relay would have.
void expect_nothing_owed(login_world& world) {
  EXPECT_TRUE(world.is_over() || world.is_relaying) << world.transcript;
  if (world.is_over()) {
    EXPECT_EQ(world.backends[0]->counters.sessions.value() + world.backends[1]->counters.sessions.value(),
              0U);
  }
  world.machine.reset();
  EXPECT_EQ(world.owed(), "") << world.transcript;
}

// At each step of each way at which events can come by themselves.
template <class Disturb>
void disturb_at_every_step(Disturb disturb) {
  for (const way& each : ways()) {
    SCOPED_TRACE(each.name);
    std::size_t disturbed = 0;
    for (std::size_t step = 0; step < steps_max; ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      login_world world(each.planned);
      if (!go(world, step)) break;
      if (!world.is_at_rest()) continue;
      disturb(world);
      ++disturbed;
      expect_nothing_owed(world);
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GE(disturbed, 1U);
  }
}

TEST(EveryStep, AnUndisturbedLoginGivesBackWhatItTook) {
  for (const way& each : ways()) {
    SCOPED_TRACE(each.name);
    login_world world(each.planned);
    world.run();
    expect_nothing_owed(world);
  }
}

TEST(EveryStep, FailsAtEveryStep) {
  disturb_at_every_step([](login_world& world) {
    const bool was_over = world.is_over();
    if (!world.fail_operation()) return (void)world.run();
    EXPECT_FALSE(was_over);
    world.run();
  });
}

TEST(EveryStep, MeetsTroubleOfThisHostAtEveryStep) {
  disturb_at_every_step([](login_world& world) {
    const std::uint64_t blamed = world.backends[0]->counters.dial_failures.value();
    const std::string before = world.transcript;
    if (!world.fail_operation(true)) return (void)world.run();
    EXPECT_EQ(world.backends[0]->counters.dial_failures.value(), blamed) << "no backend is to blame";
    EXPECT_EQ(world.transcript.find("login_failed", before.size()), std::string::npos) << world.transcript;
    if (world.is_over() && !world.planned.refused) {
      EXPECT_TRUE(world.reason() == close_reason::local_trouble ||
                  world.reason() == close_reason::client_left_early);
    }
    world.run();
  });
}

TEST(EveryStep, StopsAtEveryStep) {
  disturb_at_every_step([](login_world& world) {
    if (world.is_over() || world.is_relaying) return;
    world.inject(stopped{close_reason::draining});
    EXPECT_TRUE(world.is_over());
    const bool has_a_reason = world.planned.refused || world.reason() == close_reason::cancel_request;
    if (!has_a_reason) {
      EXPECT_EQ(world.reason(), close_reason::draining);
    }
  });
}

TEST(EveryStep, LosesItsClientAtEveryStep) {
  disturb_at_every_step([](login_world& world) {
    world.presence = client_presence::gone;
    const bool is_watched = world.last.watches_client;
    if (is_watched) world.inject(client_readable{});
    if (is_watched) world.step();
    EXPECT_EQ(world.is_over(), is_watched || world.is_over()) << "a client that is watched is missed at once";
    world.run();
  });
}

// Nothing more is sent to a backend that is no primary any more, but for an encrypted session's first bytes,
// which the session itself judges.
TEST(EveryStep, LosesThePrimaryAtEveryStep) {
  disturb_at_every_step([](login_world& world) {
    const std::string before = world.transcript;
    if (world.is_over() || world.is_relaying) return;
    const bool is_replying = before.ends_with("look write_client");
    world.have_no_primary();
    world.inject(snapshot_changed{});
    world.run();
    const std::string after = world.transcript.substr(before.size());
    // Where the role does not matter, a login goes on at a backend that does not keep it waiting.
    if (!routing::needs_primary(world.planned.route)) return;
    EXPECT_EQ(after.find("write_backend"), std::string::npos) << after;
    EXPECT_TRUE(world.is_over() || is_replying) << after;
  });
}

// And is given another one.
TEST(EveryStep, GetsTheOtherPrimaryAfterwards) {
  disturb_at_every_step([](login_world& world) {
    if (world.is_over() || world.is_relaying) return;
    world.have_no_primary();
    world.inject(snapshot_changed{});
    for (int i = 0; i < 6 && !world.is_over() && !world.is_relaying; ++i) world.step();
    world.have_primary();
    if (!world.is_over() && !world.is_relaying) world.inject(snapshot_changed{});
    if (!world.holds.is_empty()) world.wake();
    world.run();
  });
}

// What comes by itself and changes nothing makes no difference.
TEST(EveryStep, GoesOnWhenNothingHasChanged) {
  for (const event& nothing : {event(woken{}), event(snapshot_changed{}), event(deadline_passed{})}) {
    disturb_at_every_step([&nothing](login_world& world) {
      login_world undisturbed(world.planned);
      undisturbed.run();
      const bool is_held = !world.holds.is_empty() && std::holds_alternative<woken>(nothing);
      const bool chooses_again =
          world.backends[0]->dials.count().waiting > 0 && std::holds_alternative<snapshot_changed>(nothing);
      if (!world.is_over() && !world.is_relaying && !is_held && !chooses_again) world.inject(nothing);
      EXPECT_EQ(world.run(), undisturbed.transcript);
      EXPECT_EQ(world.now, undisturbed.now);
    });
  }
}

// A client that has sent more, or has ended only its sending, is looked at again and again and waits on.
TEST(EveryStep, KeepsAClientThatIsThereAtEveryStep) {
  disturb_at_every_step([](login_world& world) {
    login_world undisturbed(world.planned);
    undisturbed.run();
    // Behind a request for encryption it may not have sent more.
    world.has_input = world.last.watches_client && world.planned.client.front() == startup;
    if (world.last.watches_client) world.inject(client_readable{});
    world.run();
    EXPECT_EQ(world.is_over(), undisturbed.is_over()) << world.transcript;
    if (world.is_over()) {
      EXPECT_EQ(world.reason(), undisturbed.reason());
    }
    EXPECT_EQ(world.now, undisturbed.now);
  });
}

// Every message, of the client and of the backend, cut at every byte.
TEST(EveryStep, TakesMessagesCutAtEveryByte) {
  for (const way& each : ways()) {
    SCOPED_TRACE(each.name);
    login_world whole(each.planned);
    whole.run();
    const auto expect_the_same = [&whole](plan cut) {
      login_world world(std::move(cut));
      world.run();
      EXPECT_EQ(world.is_relaying, whole.is_relaying) << world.transcript;
      EXPECT_TRUE(as_text(whole.machine->to_client()).starts_with(as_text(world.machine->to_client())))
          << "the relay brings the rest";
      EXPECT_EQ(world.machine->user(), whole.machine->user());
      if (whole.is_over()) {
        EXPECT_EQ(world.reason(), whole.reason());
      }
      expect_nothing_owed(world);
    };
    for (std::size_t chunk = 0; chunk < each.planned.client.size(); ++chunk) {
      const std::string text = each.planned.client[chunk];
      for (std::size_t at = 1; at < text.size(); ++at) {
        SCOPED_TRACE(testing::Message() << "the client's chunk " << chunk << " at byte " << at);
        plan cut = each.planned;
        cut.client[chunk] = text.substr(at);
        cut.client.insert(cut.client.begin() + static_cast<std::ptrdiff_t>(chunk), text.substr(0, at));
        expect_the_same(std::move(cut));
      }
    }
    const auto& attempts = each.planned.attempts;
    for (std::size_t i = 0; i < std::min<std::size_t>(attempts.size(), 3); ++i) {
      for (std::size_t chunk = 0; chunk < attempts[i].answers.size(); ++chunk) {
        const std::string text = attempts[i].answers[chunk];
        for (std::size_t at = 1; at < text.size(); ++at) {
          SCOPED_TRACE(testing::Message() << "attempt " << i << ", chunk " << chunk << " at byte " << at);
          plan cut = each.planned;
          auto& answers = cut.attempts[i].answers;
          answers[chunk] = text.substr(at);
          answers.insert(answers.begin() + static_cast<std::ptrdiff_t>(chunk), text.substr(0, at));
          expect_the_same(std::move(cut));
        }
      }
    }
  }
}

}  // namespace
}  // namespace pgsteer::login::test
