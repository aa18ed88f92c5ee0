// The ways of a login, each as one line of what it did.
#include "pgsteer/login/login_machine.hpp"

#include <gtest/gtest.h>

#include "unit/login/ways.hpp"

namespace pgsteer::login::test {
namespace {

using dial = attempt_plan::dial;

void advance(login_world& world) {
  if (world.transcript.empty()) return world.inject(begun{});
  ASSERT_TRUE(world.step());
}

std::string went(plan of) {
  return login_world(std::move(of)).run();
}

TEST(LoginMachine, APlainLogin) {
  login_world world({.client = {startup}, .attempts = {answering({authentication_ok})}});
  EXPECT_EQ(world.run(), "read_client choose dial write_backend read_backend relay");
  EXPECT_EQ(world.machine->user(), "app");
  EXPECT_EQ(world.machine->database(), "shop");
  EXPECT_TRUE(world.machine->is_readable());
  EXPECT_EQ(as_text(world.machine->to_client()), authentication_ok);
  EXPECT_TRUE(world.machine->to_backend().empty());
  EXPECT_EQ(world.last.deadline, world.now + world.options.login.login_timeout);
  const lease backend = world.machine->take_backend();
  EXPECT_EQ(backend.id().value, 1U);
  EXPECT_EQ(world.backends[0]->counters.logins_answered.value(), 1U);
  world.machine.reset();
  EXPECT_EQ(world.owed(), "a=1 ") << "the session's, now";
}

TEST(LoginMachine, WhatIsBehindTheStartupMessageGoesAlong) {
  login_world world({.client = {startup + "more"}, .attempts = {answering({authentication_ok})}});
  world.run();
  EXPECT_EQ(as_text(world.machine->to_backend()), "more");
}

TEST(LoginMachine, EncryptionThatTheBackendDeclines) {
  login_world world({.client = {ssl_request, startup}, .attempts = {answering({"N", authentication_ok})}});
  EXPECT_EQ(world.run(),
            "read_client choose dial write_backend read_backend look write_client read_client "
            "write_backend read_backend relay")
      << "over the same connection";
  EXPECT_TRUE(world.machine->is_readable());
}

TEST(LoginMachine, EncryptionThatTheBackendGrants) {
  for (const auto& [request, yes] : {std::pair(ssl_request, "S"), std::pair(gssenc_request, "G")}) {
    login_world world({.client = {request}, .attempts = {answering({yes})}});
    EXPECT_EQ(world.run(), "read_client choose dial write_backend read_backend look write_client relay");
    EXPECT_FALSE(world.machine->is_readable());
    EXPECT_TRUE(world.machine->to_client().empty()) << "it has been written";
    EXPECT_EQ(world.last.deadline, time_point::max()) << "nobody can see when it is logged in";
  }
}

TEST(LoginMachine, OneEncryptionAfterTheOther) {
  EXPECT_EQ(went({.client = {gssenc_request, ssl_request, startup},
                  .attempts = {answering({"N", "N", authentication_ok})}}),
            "read_client choose dial write_backend read_backend look write_client "
            "read_client write_backend read_backend look write_client "
            "read_client write_backend read_backend relay");
}

TEST(LoginMachine, DirectTls) {
  login_world world({.client = {client_hello}, .attempts = {answering({})}});
  EXPECT_EQ(world.run(), "read_client choose dial write_backend relay");
  EXPECT_FALSE(world.machine->is_readable());
  EXPECT_EQ(world.backends[0]->counters.logins_answered.value(), 0U) << "nobody has answered yet";
}

// CVE-2021-23222, CVE-2024-10977: nothing else than one byte is a reply.
TEST(LoginMachine, PassesOnNoReplyToEncryptionThatIsNone) {
  for (const std::string& reply : {std::string("SX"), std::string("E"), std::string("G")}) {
    EXPECT_EQ(went({.client = {ssl_request},
                    .attempts = {answering({reply}), answering({"S"})},
                    .route = routing::target_session_attrs::any}),
              "read_client choose dial write_backend read_backend a:login_failed drop choose dial "
              "write_backend read_backend look write_client relay")
        << reply;
  }
}

// CVE-2021-23214.
TEST(LoginMachine, EndsAClientThatSendsBeforeEncryptionIsAnswered) {
  login_world world({.client = {ssl_request}, .attempts = {answering({"S"})}});
  world.has_input = true;
  EXPECT_EQ(world.run(), "read_client choose dial write_backend read_backend look end");
  EXPECT_EQ(world.reason(), close_reason::malformed_startup);
  EXPECT_TRUE(world.machine->end().is_untold);
}

TEST(LoginMachine, ACancelRequestGoesItsOwnWay) {
  login_world world({.client = {cancel_request}});
  while (world.last.what != action::kind::forward_cancel) advance(world);
  EXPECT_EQ(world.machine->stage(), login_stage::cancelling);
  EXPECT_EQ(world.run(), "read_client forward_cancel end");
  EXPECT_EQ(world.reason(), close_reason::cancel_request);
}

TEST(LoginMachine, ACancelRequestTooManyIsDropped) {
  login_world world({.client = {cancel_request}});
  const auto taken = world.permits.cancels.take(1);
  EXPECT_EQ(world.run(), "read_client end");
  EXPECT_EQ(world.cancel_counters.dropped.value(), 1U);
}

TEST(LoginMachine, TellsAMalformedPacketWhatPostgresqlSays) {
  login_world world({.client = {wire::packet(2U << 16)}});
  EXPECT_EQ(world.run(), "read_client end");
  EXPECT_EQ(world.reason(), close_reason::malformed_startup);
  EXPECT_EQ(world.machine->end().sqlstate, "0A000");
  EXPECT_EQ(world.machine->end().detail, "unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
}

TEST(LoginMachine, SaysNothingToOneWhoCannotReadItYet) {
  for (const std::string& sent : {ssl_request + "x", gssenc_request + "x", wire::int32(1)}) {
    login_world world({.client = {sent}});
    EXPECT_EQ(world.run(), "read_client end");
    EXPECT_EQ(world.reason(), close_reason::malformed_startup);
    EXPECT_TRUE(world.machine->end().is_untold);
  }
}

TEST(LoginMachine, ASilentClientEndsAtStartupTimeout) {
  login_world world({.client = {startup.substr(0, 5)}});
  const time_point begun_at = world.now;
  EXPECT_EQ(world.run(), "read_client read_client end");
  EXPECT_EQ(world.reason(), close_reason::startup_timeout);
  EXPECT_EQ(world.now, begun_at + world.options.login.startup_timeout);
}

TEST(LoginMachine, ARefusedClientIsToldOnceItCanReadIt) {
  const close_reason full = close_reason::too_many_sessions;
  EXPECT_EQ(went({.client = {startup}, .refused = full}), "read_client end");
  EXPECT_EQ(went({.client = {ssl_request, gssenc_request, startup}, .refused = full}),
            "read_client write_client read_client write_client read_client end");
  EXPECT_EQ(went({.client = {cancel_request}, .refused = full}), "read_client forward_cancel end")
      << "however full it is";
  login_world silent({.refused = full});
  const time_point begun_at = silent.now;
  EXPECT_EQ(silent.run(), "read_client end");
  EXPECT_EQ(silent.reason(), full);
  EXPECT_EQ(silent.now, begun_at + seconds{1});
  login_world direct({.client = {client_hello}, .refused = full});
  EXPECT_EQ(direct.run(), "read_client end");
  EXPECT_TRUE(direct.machine->end().is_untold);
}

// Retries.

TEST(LoginMachine, ARefusedDialIsTriedElsewhere) {
  login_world world({.client = {startup},
                     .attempts = {{dial::is_refused}, answering({authentication_ok})},
                     .route = routing::target_session_attrs::any});
  EXPECT_EQ(world.run(),
            "read_client choose dial a:login_failed drop choose dial write_backend read_backend relay");
  EXPECT_EQ(world.backends[0]->counters.dial_failures.value(), 1U);
  EXPECT_EQ(world.counters.retried.value(), 1U);
  EXPECT_EQ(world.machine->backend().id().value, 2U);
}

TEST(LoginMachine, ABackendThatIsStartingUpIsAskedAgainEverMoreRarely) {
  login_world world(
      {.client = {startup}, .attempts = std::vector<attempt_plan>(40, answering({error_of("57P03")}))});
  const time_point begun_at = world.now;
  const std::string once = " choose dial write_backend read_backend a:login_failed drop";
  std::string expected = "read_client" + once;
  for (int i = 0; i < 13; ++i) expected += " choose look look" + once;
  EXPECT_EQ(world.run(), expected + " choose look look end");
  EXPECT_EQ(world.reason(), close_reason::hold_timeout);
  EXPECT_EQ(world.now, begun_at + seconds{10});
  EXPECT_EQ(world.machine->end().detail,
            "no usable backend after waiting 10 s: every eligible backend was tried and failed");
  EXPECT_EQ(world.counters.hold_expired.value(), 1U);
}

TEST(LoginMachine, AFullBackendHasTheLastWordAndIsNotDoubted) {
  login_world world(
      {.client = {startup}, .attempts = std::vector<attempt_plan>(40, answering({error_of("53300")}))});
  const std::string way = world.run();
  EXPECT_EQ(way.find("login_failed"), std::string::npos) << way;
  EXPECT_EQ(world.reason(), close_reason::hold_timeout);
  EXPECT_EQ(as_text(world.machine->end().words), error_of("53300"));
}

TEST(LoginMachine, AFullBackendIsForgottenOnceSomethingElseIsWrong) {
  login_world world({.client = {startup}, .attempts = {answering({error_of("53300")})}});
  while (world.transcript.find("drop") == std::string::npos) advance(world);
  world.have_no_primary();
  world.run();
  EXPECT_EQ(world.reason(), close_reason::hold_timeout);
  EXPECT_TRUE(world.machine->end().words.empty());
}

TEST(LoginMachine, AnErrorOfTheLoginItselfIsTheClients) {
  login_world world({.client = {startup}, .attempts = {answering({error_of("28P01")})}});
  EXPECT_EQ(world.run(), "read_client choose dial write_backend read_backend relay");
}

TEST(LoginMachine, WhatIsNoPostgresqlIsDropped) {
  EXPECT_EQ(
      went({.client = {startup},
            .attempts = {answering({"HTTP/1.1 400 Bad Request\r\n"}), answering({authentication_ok})},
            .route = routing::target_session_attrs::any}),
      "read_client choose dial write_backend read_backend a:login_failed drop choose dial write_backend "
      "read_backend relay");
}

TEST(LoginMachine, TroubleOfThisHostBlamesNobody) {
  login_world world(
      {.client = {startup}, .attempts = {{dial::meets_local_trouble}, answering({authentication_ok})}});
  const time_point begun_at = world.now;
  EXPECT_EQ(world.run(), "read_client choose dial drop choose dial write_backend read_backend relay");
  EXPECT_EQ(world.now, begun_at + milliseconds{100});
  EXPECT_EQ(world.backends[0]->counters.dial_failures.value(), 0U);
  EXPECT_EQ(world.counters.retried.value(), 0U);
}

TEST(LoginMachine, TroubleOfThisHostThatLastsEndsTheLogin) {
  login_world world(
      {.client = {startup}, .attempts = std::vector<attempt_plan>(200, {dial::meets_local_trouble})});
  world.run();
  EXPECT_EQ(world.reason(), close_reason::local_trouble);
  EXPECT_EQ(world.machine->end().detail.substr(0, 30), "pgsteer is out of resources: T");
}

TEST(LoginMachine, ALoginThatCannotBeHeldIsRefused) {
  login_world world({.client = {startup}});
  world.have_no_primary();
  const auto one = world.permits.held_logins.take(2), two = world.permits.held_logins.take(2);
  EXPECT_EQ(world.run(), "read_client choose look end");
  EXPECT_EQ(world.reason(), close_reason::too_many_logins);
}

// Slow answers.

TEST(LoginMachine, ADialThatHangsIsDoubtedThenGivenUp) {
  login_world world({.client = {startup},
                     .attempts = {{dial::hangs}, answering({authentication_ok})},
                     .route = routing::target_session_attrs::any});
  const time_point begun_at = world.now;
  EXPECT_EQ(world.run(),
            "read_client choose dial a:login_slow a:login_failed drop choose dial write_backend read_backend "
            "relay");
  EXPECT_EQ(world.now, begun_at + world.options.login.connect_timeout);
}

TEST(LoginMachine, AFirstAnswerMayTakeAsLongAsALogin) {
  login_world world({.client = {startup}, .attempts = {answering({})}});
  const time_point begun_at = world.now;
  EXPECT_EQ(world.run(),
            "read_client choose dial write_backend read_backend a:login_slow a:login_failed end");
  EXPECT_EQ(world.reason(), close_reason::login_timeout);
  EXPECT_EQ(world.now, begun_at + world.options.login.connect_timeout + world.options.login.login_timeout);
}

// Clients that leave.

// A login that is held: nobody is primary.
class HeldLogin : public testing::Test {
 protected:
  HeldLogin() {
    world_.have_no_primary();
    while (world_.holds.is_empty()) advance(world_);
  }
  login_world world_{{.client = {startup}, .attempts = {answering({authentication_ok})}}};
};

TEST_F(HeldLogin, SaysSoUntilItIsAnswered) {
  EXPECT_EQ(world_.machine->stage(), login_stage::held);
  EXPECT_EQ(world_.machine->user(), "app");
  world_.have_primary();
  world_.wake();
  EXPECT_EQ(world_.run(), "read_client choose look look choose dial write_backend read_backend relay");
  EXPECT_EQ(world_.machine->stage(), login_stage::under_way);
}

TEST_F(HeldLogin, ThatAnOperatorEndsIsTold) {
  world_.inject(stopped{close_reason::killed});
  EXPECT_EQ(world_.reason(), close_reason::killed);
  EXPECT_FALSE(world_.machine->end().is_untold);
  EXPECT_TRUE(world_.holds.is_empty());
}

TEST_F(HeldLogin, OfAClientThatHasGoneIsNotReleased) {
  world_.presence = client_presence::gone;
  world_.have_primary();
  world_.wake();
  EXPECT_EQ(world_.run(), "read_client choose look look end");
  EXPECT_EQ(world_.reason(), close_reason::client_left_early);
}

TEST_F(HeldLogin, IsMeasuredFromTheHoldToTheAnswer) {
  world_.now += seconds{3};
  world_.have_primary();
  world_.wake();
  world_.run();
  EXPECT_DOUBLE_EQ(world_.counters.hold.sum_seconds(), 3);
  EXPECT_EQ(world_.counters.hold_released.value(), 1U);
}

TEST_F(HeldLogin, IsMeasuredAlsoIfItWaitedInVain) {
  world_.run();
  EXPECT_EQ(world_.reason(), close_reason::hold_timeout);
  EXPECT_DOUBLE_EQ(world_.counters.hold.sum_seconds(), 10);
}

TEST_F(HeldLogin, OfAClientThatHasGoneIsNotMeasured) {
  world_.presence = client_presence::gone;
  world_.now += seconds{3};
  world_.wake();
  world_.run();
  EXPECT_DOUBLE_EQ(world_.counters.hold.sum_seconds(), 0);
}

TEST_F(HeldLogin, EndsWithItsClientsSendingDirection) {
  world_.presence = client_presence::ended;
  world_.has_input = true;
  world_.inject(client_readable{});
  EXPECT_EQ(world_.run(), "read_client choose look look end");
  EXPECT_EQ(world_.reason(), close_reason::client_left_early);
}

// A client that sent its first query with its startup packet and ended waits for the answer, held before or
// not.
TEST(LoginMachine, AClientThatWasHeldMayEndItsSendingDirectionOnceItIsItsTurn) {
  login_world world({.client = {startup + "Q"}, .attempts = {answering({})}});
  world.have_no_primary();
  while (world.holds.is_empty()) advance(world);
  world.have_primary();
  world.wake();
  while (!world.transcript.ends_with("read_backend")) advance(world);
  world.presence = client_presence::ended;
  world.inject(client_readable{});
  world.run();
  EXPECT_EQ(world.reason(), close_reason::login_timeout);
}

// As psql -c does with its one query behind the StartupMessage.
TEST(LoginMachine, AClientThatHasOnlyEndedItsSendingDirectionMayWaitForAnAnswer) {
  for (const bool has_asked : {true, false}) {
    login_world world({.client = {startup}, .attempts = {answering({})}});
    while (!world.last.watches_client) advance(world);
    world.presence = client_presence::ended;
    world.has_input = has_asked;
    world.inject(client_readable{});
    world.run();
    EXPECT_EQ(world.reason(), has_asked ? close_reason::login_timeout : close_reason::client_left_early);
  }
}

TEST(LoginMachine, AClientThatHasSentItsFirstQueryTooMayWaitForAnAnswer) {
  login_world world({.client = {startup + "Q"}, .attempts = {answering({})}});
  while (!world.last.watches_client) advance(world);
  world.presence = client_presence::ended;
  world.inject(client_readable{});
  world.run();
  EXPECT_EQ(world.reason(), close_reason::login_timeout);
}

TEST(LoginMachine, ARefusedClientWhoseEncryptionIsNotDeclinedYetCannotRead) {
  login_world world({.client = {ssl_request}, .refused = close_reason::too_many_sessions});
  while (!world.transcript.ends_with("write_client")) advance(world);
  ASSERT_TRUE(world.let_time_pass());
  EXPECT_TRUE(world.is_over());
  EXPECT_TRUE(world.machine->end().is_untold);
}

TEST(LoginMachine, ABackendThatIsMerelyKeptIsLetGoWhenItLosesItsRole) {
  login_world world(
      {.client = {ssl_request, startup}, .attempts = {answering({"N"}), answering({authentication_ok})}});
  while (!world.transcript.ends_with("write_client read_client")) advance(world);
  world.inject(snapshot_changed{});
  EXPECT_FALSE(world.last.drops_backend);
  EXPECT_EQ(world.backends[0]->counters.sessions.value(), 1U);
  world.have_no_primary();
  world.inject(snapshot_changed{});
  EXPECT_TRUE(world.last.drops_backend);
  EXPECT_EQ(world.backends[0]->counters.sessions.value(), 0U);
  EXPECT_EQ(world.counters.retried.value(), 1U);
  world.have_primary();
  EXPECT_EQ(world.run(),
            "read_client choose dial write_backend read_backend look write_client read_client drop choose "
            "dial write_backend read_backend relay");
}

// The client does not read it.
TEST(LoginMachine, AReplyToEncryptionIsWrittenForAsLongAsAFirstPacketIsReadFor) {
  login_world world({.client = {ssl_request}, .attempts = {answering({"N"})}});
  while (!world.transcript.ends_with("write_client")) advance(world);
  const time_point begun_at = world.now;
  world.inject(deadline_passed{});
  EXPECT_FALSE(world.is_over());
  ASSERT_TRUE(world.let_time_pass());
  EXPECT_TRUE(world.is_over());
  EXPECT_EQ(world.reason(), close_reason::startup_timeout);
  EXPECT_EQ(world.now, begun_at + world.options.login.startup_timeout);
}

// The process has stood still while it dialed.
TEST(LoginMachine, NothingIsSentWhereALoginMayNotGoAnyMore) {
  login_world world({.client = {startup}, .attempts = {answering({authentication_ok})}});
  while (!world.transcript.ends_with("dial")) advance(world);
  world.have_no_primary();
  world.inject(connected{});
  EXPECT_EQ(world.transcript, "read_client choose dial drop choose");
}

TEST(LoginMachine, ALateAnswerIsNotAwaitedWhereALoginMayNotGoAnyMore) {
  login_world world({.client = {startup}, .attempts = {answering({})}});
  while (world.transcript.find("login_slow") == std::string::npos) advance(world);
  topology::backend_status silent = routing::testing::primary(1);
  silent.is_rw_eligible = silent.is_answering = false;
  world.go_by(routing::testing::snapshot_of({silent}));
  world.inject(snapshot_changed{});
  EXPECT_EQ(world.transcript, "read_client choose dial write_backend read_backend a:login_slow")
      << "one missed probe is no reason yet";
  ASSERT_TRUE(world.let_time_pass());
  EXPECT_EQ(world.transcript,
            "read_client choose dial write_backend read_backend a:login_slow a:login_failed drop choose");
}

TEST(LoginMachine, HasTriedNobodyBeforeItIsToReachSomebody) {
  login_world world({.client = {startup}});
  world.inject(begun{});
  EXPECT_TRUE(world.machine->tried().empty());
}

TEST(LoginMachine, AReplyToEncryptionMayNotTakeLongerThanConnectTimeout) {
  login_world world({.client = {ssl_request, startup}, .attempts = {answering({}), answering({"N"})}});
  const time_point begun_at = world.now;
  while (world.transcript.find("drop") == std::string::npos) advance(world);
  EXPECT_EQ(world.transcript,
            "read_client choose dial write_backend read_backend a:login_slow a:login_failed drop choose");
  EXPECT_EQ(world.now, begun_at + world.options.login.connect_timeout);
}

}  // namespace
}  // namespace pgsteer::login::test
