#include "probe/failure.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace pgsteer::probe {
namespace {

using topology::probe_outcome;

constexpr std::string_view prefix = "connection to server at \"127.0.0.1\", port 5432 failed: ";

std::string failed(std::string_view text) {
  return std::string(prefix) + std::string(text);
}

struct sqlstate_case {
  std::string name;
  std::string message;
  probe_outcome outcome;
};

TEST(LoginClassifier, ReadsTheSqlstateInAnyLanguage) {
  const std::vector<sqlstate_case> cases{
      {"wrong password", "FATAL:  28P01: password authentication failed", probe_outcome::wrong_credentials},
      {"no role", "FATAL:  28000: role \"pgsteer\" does not exist", probe_outcome::wrong_credentials},
      {"any of class 28", "FATAL:  28ABC: no", probe_outcome::wrong_credentials},
      {"no database", "FATAL:  3D000: database \"x\" does not exist", probe_outcome::missing_database},
      {"full", "FATAL:  53300: sorry, too many clients already", probe_outcome::too_many_clients},
      {"starting", "FATAL:  57P03: the database system is starting up", probe_outcome::not_accepting},
      {"administrator", "FATAL:  57P01: terminating", probe_outcome::not_accepting},
      {"crash", "WARNUNG:  57P02: Absturz", probe_outcome::not_accepting},
      {"German", "FATAL:  28P01: Passwort-Authentifizierung fehlgeschlagen",
       probe_outcome::wrong_credentials},
      {"other", "FATAL:  42501: permission denied for database", probe_outcome::query_failed},
      {"not ours: its text names our errno", "FATAL:  XX000: Too many open files",
       probe_outcome::query_failed},
  };
  for (const auto& entry : cases) {
    SCOPED_TRACE(entry.name);
    const std::string message = failed(entry.message + "\nLOCATION:  f, auth.c:1\n");
    login_facts facts;
    facts.message = message;
    facts.phase = login_phase::authenticating;
    facts.first_byte = 'E';
    EXPECT_EQ(classify_login(facts), entry.outcome);
  }
}

struct errno_case {
  int value;
  probe_outcome outcome;
};

TEST(LoginClassifier, TellsErrnoByStrerrorsOwnWords) {
  const std::vector<errno_case> cases{
      {ECONNREFUSED, probe_outcome::refused},        {EHOSTUNREACH, probe_outcome::unreachable},
      {ENETUNREACH, probe_outcome::unreachable},     {ETIMEDOUT, probe_outcome::timed_out},
      {EMFILE, probe_outcome::local_trouble},        {ENFILE, probe_outcome::local_trouble},
      {ENOBUFS, probe_outcome::local_trouble},       {ENOMEM, probe_outcome::local_trouble},
      {EADDRNOTAVAIL, probe_outcome::local_trouble}, {ECONNRESET, probe_outcome::connection_lost},
  };
  for (const auto& entry : cases) {
    SCOPED_TRACE(std::strerror(entry.value));
    const std::string message =
        failed(std::string(std::strerror(entry.value)) + "\n\tIs the server running?");
    login_facts facts;
    facts.message = message;
    EXPECT_EQ(classify_login(facts), entry.outcome);
  }
}

struct structure_case {
  std::string name;
  login_facts facts;
  probe_outcome outcome;
};

login_facts facts_of(login_phase phase, std::optional<char> first_byte) {
  login_facts facts;
  facts.message = "something without a SQLSTATE";
  facts.phase = phase;
  facts.first_byte = first_byte;
  return facts;
}

TEST(LoginClassifier, DecidesTheRestByWhatThePeerSent) {
  std::vector<structure_case> cases{
      {"HTTP to SSLRequest", facts_of(login_phase::negotiating_tls, 'H'), probe_outcome::not_postgresql},
      {"HTTP to startup", facts_of(login_phase::authenticating, 'H'), probe_outcome::not_postgresql},
      {"SSH banner", facts_of(login_phase::negotiating_tls, 'S'), probe_outcome::not_postgresql},
      {"TLS required, refused", facts_of(login_phase::negotiating_tls, 'N'), probe_outcome::tls_failed},
      {"handshake failed", facts_of(login_phase::negotiating_tls, 'S'), probe_outcome::tls_failed},
      {"fork failed", facts_of(login_phase::authenticating, 'E'), probe_outcome::not_accepting},
      {"method unknown to libpq", facts_of(login_phase::authenticating, 'R'),
       probe_outcome::wrong_credentials},
      {"client certificate refused", facts_of(login_phase::authenticating, {}), probe_outcome::tls_failed},
      {"server failed SCRAM over TLS", facts_of(login_phase::authenticating, {}),
       probe_outcome::wrong_credentials},
      {"password asked for", facts_of(login_phase::authenticating, 'R'), probe_outcome::wrong_credentials},
      {"closed at once", facts_of(login_phase::negotiating_tls, {}), probe_outcome::connection_lost},
      {"dial failed in another way", facts_of(login_phase::dialing, {}), probe_outcome::unreachable},
  };
  cases[2].facts.is_answer_too_long = true;
  cases[7].facts.is_tls_active = true;
  cases[8].facts.is_tls_active = cases[8].facts.used_password = true;
  cases[9].facts.needs_password = true;
  cases[10].facts.has_peer_closed = true;
  for (const auto& entry : cases) {
    SCOPED_TRACE(entry.name);
    EXPECT_EQ(classify_login(entry.facts), entry.outcome);
  }
}

TEST(LoginClassifier, DoesNotTakeTheOtherMachinesErrnoForOurs) {
  login_facts facts = facts_of(login_phase::authenticating, 'E');
  const std::string message = failed(std::string("could not fork: ") + std::strerror(ENOMEM));
  facts.message = message;
  EXPECT_EQ(classify_login(facts), probe_outcome::not_accepting);
}

TEST(QueryClassifier, TellsTheEndOfTheConnectionFromAFailedQuery) {
  EXPECT_EQ(classify_query("57P01"), probe_outcome::connection_lost);
  EXPECT_EQ(classify_query("57P02"), probe_outcome::connection_lost);
  EXPECT_EQ(classify_query("57014"), probe_outcome::timed_out);
  EXPECT_EQ(classify_query("42501"), probe_outcome::query_failed);
  EXPECT_EQ(classify_query(""), probe_outcome::query_failed);
}

TEST(Sqlstate, IsFoundOnlyInItsPlace) {
  EXPECT_EQ(sqlstate_in("FATAL:  57P03: starting"), "57P03");
  EXPECT_EQ(sqlstate_in(failed("FATAL:  28P01: no\nLOCATION")), "28P01");
  EXPECT_EQ(sqlstate_in("FATAL:  28P01"), "");
  EXPECT_EQ(sqlstate_in("FATAL:  28p01: x"), "");
  EXPECT_EQ(sqlstate_in("FATAL: 28P01: x"), "");
  EXPECT_EQ(sqlstate_in("a:  b:  28P01: x"), "28P01");
  EXPECT_EQ(sqlstate_in(""), "");
}

TEST(OneLine, KeepsWhatAPersonNeeds) {
  EXPECT_EQ(one_line(failed("FATAL:  28P01: no\nLOCATION:  auth.c")), "28P01: no");
  EXPECT_EQ(one_line(failed("Connection refused\n\tIs the server running?")), "Connection refused");
  EXPECT_EQ(one_line("server closed the connection unexpectedly\n\tThis"),
            "server closed the connection unexpectedly");
  EXPECT_EQ(one_line("bell \a and \xc3\xa4"), "bell ? and ??");
  EXPECT_EQ(one_line(std::string(1000, 'x')).size(), message_bytes_max);
  EXPECT_EQ(one_line(""), "");
}

}  // namespace
}  // namespace pgsteer::probe
