#include "pgsteer/pgwire/login_watch.hpp"

#include <gtest/gtest.h>

#include <string>

#include "pgsteer/pgwire/error_response.hpp"
#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

using namespace test;
using state = login_watch::state;

constexpr login_watch_options read_write{.refuse_hot_standby = true};
constexpr login_watch_options anywhere{.refuse_hot_standby = false};

const std::string authentication_ok = message('R', int32(0));
const std::string ready = message('Z', "I");
const std::string scram = message('R', int32(10) + strings({"SCRAM-SHA-256", ""})) +
                          message('R', int32(11) + "r=nonce,s=salt,i=4096") +
                          message('R', int32(12) + "v=proof");

std::string key_data(std::string_view secret) {
  return message('K', int32(4711) + std::string(secret));
}

std::string login(std::string_view hot_standby, std::string_view secret = "\x01\x02\x03\x04") {
  return scram + authentication_ok + message('N', zero_terminated(strings({"SNOTICE", "Mhello"}))) +
         parameter_status("application_name", "psql") + parameter_status("in_hot_standby", hot_standby) +
         parameter_status("server_version", "15.14") + key_data(secret) + ready;
}

// Every way to cut a login in two, and byte by byte: the same final state.
void expect_state(login_watch_options options, std::string_view bytes, state expected) {
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    login_watch watch(options);
    watch.consume(as_bytes(bytes.substr(0, cut)));
    ASSERT_EQ(watch.consume(as_bytes(bytes.substr(cut))), expected);
  }
  login_watch watch(options);
  auto last = state::watching;
  for (const auto& byte : as_bytes(bytes)) last = watch.consume({&byte, 1});
  EXPECT_EQ(last, expected);
}

TEST(LoginWatch, SeesTheLoginThrough) {
  expect_state(read_write, login("off"), state::logged_in);
  expect_state(anywhere, login("on"), state::logged_in);
}

TEST(LoginWatch, IsNotDoneBeforeReadyForQuery) {
  const auto bytes = login("off");
  login_watch watch(read_write);
  EXPECT_EQ(watch.consume(as_bytes(bytes).first(bytes.size() - 1)), state::watching);
  EXPECT_EQ(watch.consume(as_bytes(bytes).last(1)), state::logged_in);
}

TEST(LoginWatch, KeepsTheKeyOfEitherProtocol) {
  for (const auto size : {std::size_t{4}, std::size_t{32}, std::size_t{256}}) {
    SCOPED_TRACE(size);
    const std::string secret(size, '\xa5');
    login_watch watch(anywhere);
    const auto bytes = login("off", secret);
    for (const auto& byte : as_bytes(bytes)) watch.consume({&byte, 1});
    ASSERT_TRUE(watch.backend_key().has_value());
    EXPECT_EQ(watch.backend_key()->pid, 4711U);
    EXPECT_EQ(watch.backend_key()->secret, secret);
  }
}

TEST(LoginWatch, PassesAKeyItCannotUse) {
  for (const auto size : {std::size_t{0}, std::size_t{3}, std::size_t{257}, std::size_t{5000}}) {
    SCOPED_TRACE(size);
    login_watch watch(anywhere);
    EXPECT_EQ(watch.consume(as_bytes(login("off", std::string(size, 'k')))), state::logged_in);
    EXPECT_FALSE(watch.backend_key().has_value());
  }
}

TEST(LoginWatch, NeedsNoKey) {
  expect_state(read_write, authentication_ok + ready, state::logged_in);
}

// PostgreSQL before 14 does not report the parameter, so its absence proves nothing and refuses nothing.
TEST(LoginWatch, RefusesAHotStandbyAsSoonAsItSaysSo) {
  const auto until_said = authentication_ok + parameter_status("in_hot_standby", "on");
  expect_state(read_write, until_said, state::refused_hot_standby);
  login_watch watch(read_write);
  EXPECT_EQ(watch.consume(as_bytes(until_said).first(until_said.size() - 1)), state::watching);
}

TEST(LoginWatch, TakesOnlyTheVeryParameterForAHotStandby) {
  for (const auto& bytes :
       {parameter_status("in_hot_standby", "off"), parameter_status("in_hot_standby_x", "on"),
        parameter_status("xin_hot_standby", "on"), parameter_status("in_hot_standby", "only"),
        parameter_status("application_name", "in_hot_standby"), parameter_status("in_hot_standby", ""),
        message('S', "in_hot_standby"), message('S', std::string_view("in_hot_standby\0on", 17)),
        message('S', "")}) {
    SCOPED_TRACE(bytes);
    expect_state(read_write, authentication_ok + bytes + ready, state::logged_in);
  }
}

TEST(LoginWatch, PassesNegotiateProtocolVersion) {
  const auto older = message('v', int32(protocol_3_0) + int32(1) + zero_terminated("_pq_.test"));
  expect_state(read_write, older + login("off"), state::logged_in);
}

TEST(LoginWatch, ReadsTheErrorOfAFailedLogin) {
  const auto refusal = error_response("FATAL", "28P01", "password authentication failed for user \"app\"");
  expect_state(read_write, refusal, state::failed);
  expect_state(read_write, scram + refusal, state::failed);
  login_watch watch(read_write);
  for (const auto& byte : as_bytes(refusal)) watch.consume({&byte, 1});
  EXPECT_EQ(watch.sqlstate(), "28P01");
}

TEST(LoginWatch, TakesAnErrorWithoutFields) {
  login_watch watch(read_write);
  EXPECT_EQ(watch.consume(as_bytes(message('E', zero_terminated("")))), state::failed);
  EXPECT_EQ(watch.sqlstate(), "");
  expect_state(read_write, message('E', ""), state::failed);
}

TEST(LoginWatch, CutsALongErrorButKeepsItsSqlstate) {
  login_watch watch(read_write);
  const auto bytes = error_response("FATAL", "XX000", std::string(100'000, 'm'));
  ASSERT_EQ(watch.consume(as_bytes(authentication_ok)), state::watching);
  EXPECT_EQ(watch.consume(as_bytes(bytes)), state::failed);
  EXPECT_EQ(watch.sqlstate(), "XX000");
}

// report_fork_failure_to_client() in postmaster.c: no length, no fields.
TEST(LoginWatch, TakesBareErrorTextOfABackendThatCannotFork) {
  const auto text =
      "E" + zero_terminated("could not fork new process for connection: Cannot allocate memory\n");
  expect_state(read_write, text, state::failed);
}

TEST(LoginWatch, IsBetweenMessagesOnlyAtTheirBounds) {
  login_watch watch(anywhere);
  EXPECT_TRUE(watch.is_between_messages());
  for (std::size_t i = 0; i < authentication_ok.size(); ++i) {
    SCOPED_TRACE(i);
    watch.consume(as_bytes(authentication_ok).subspan(i, 1));
    EXPECT_EQ(watch.is_between_messages(), i + 1 == authentication_ok.size());
  }
}

TEST(LoginWatch, LooksAtNothingBehindReadyForQuery) {
  login_watch watch(read_write);
  const auto bytes = authentication_ok + ready + parameter_status("in_hot_standby", "on") + "garbage";
  EXPECT_EQ(watch.consume(as_bytes(bytes)), state::logged_in);
}

TEST(LoginWatch, StaysInItsFinalState) {
  login_watch watch(read_write);
  ASSERT_EQ(watch.consume(as_bytes(authentication_ok + ready)), state::logged_in);
  EXPECT_EQ(watch.consume(as_bytes(error_response("FATAL", "57P01", "x"))), state::logged_in);
  EXPECT_EQ(watch.sqlstate(), "");
}

TEST(LoginWatch, KnowsWhatIsNotPostgresql) {
  for (const auto* const bytes :
       {"HTTP/1.1 400 Bad Request\r\n", "220 mail", "SSH-2.0", "Z", "S", "K", "\x15\x03"}) {
    SCOPED_TRACE(bytes);
    expect_state(read_write, bytes, state::not_postgresql);
  }
  expect_state(read_write, authentication_ok + "1", state::not_postgresql);
  expect_state(read_write, authentication_ok + std::string(5, '\0'), state::not_postgresql);
}

TEST(LoginWatch, HoldsMessagesToLibpqsLengths) {
  for (const auto type : {'R', 'S', 'K', 'Z', 'v', 'N', 'A', 'E'}) {
    for (const auto length : hostile_lengths) {
      SCOPED_TRACE(std::string(1, type) + std::to_string(length));
      login_watch watch(anywhere);
      ASSERT_EQ(watch.consume(as_bytes(authentication_ok)), state::watching);
      const auto last = watch.consume(as_bytes(std::string(1, type) + int32(length)));
      const bool is_long_type = type == 'N' || type == 'A' || type == 'E';
      const bool is_possible = length >= 4 && length <= (is_long_type ? 0x7fff'ffffU : 30'000U);
      if (!is_possible) {
        EXPECT_EQ(last, state::not_postgresql);
      } else if (length > 4) {
        EXPECT_EQ(last, state::watching);
      } else {
        EXPECT_NE(last, state::not_postgresql);
      }
    }
  }
}

TEST(LoginWatch, SkipsAMessageOfTheGreatestLength) {
  login_watch watch(anywhere);
  const auto notice = message('N', std::string(1'000'000, 'n'));
  ASSERT_EQ(watch.consume(as_bytes(authentication_ok)), state::watching);
  EXPECT_EQ(watch.consume(as_bytes(notice)), state::watching);
  EXPECT_EQ(watch.consume(as_bytes(ready)), state::logged_in);
}

}  // namespace
}  // namespace pgsteer::pgwire
