#pragma once
// A history of probe results as text, and the decision at its end as text: rows of a table test read as the
// specification.
//
// Events are separated by ';', backends are single letters. Discovery names a, b and c from the start, and
// each had a first probe that told nothing (local_trouble), since before that nobody is elected.
//   a primary 1 [lsn N]                     answered: not in recovery, timeline 1
//   b standby 1 [replay N] [received N]     answered: in recovery, exact timeline
//   b standby 1 at-least [receiver] ...     only the control file's timeline is known
//   ... [run N]                             of another start of PostgreSQL
//   ... [system N] [delay MS]               another cluster; replay_delay
//   ... [hung] [shutting]                  outcome login_hung, shutting_down, with an answer
//   ... [cnpg]                              it shows that CloudNativePG manages it
//   a terminated                            its connection was ended by 57P01
//   c timed_out                             any probe_outcome by its word
//   late MS <one of the above>              asked MS milliseconds before now, told now
//   a overdue                               its probe, asked now, has had no answer for too long
//   withhold bc                             discovery names a, b and c; these are not to be used
//   disable a [MS] | drain a [MS] | resume a    the operator's orders, for so long or for good
//   upgrade                                 another process goes on with what this one knows
//   wait MS | pause | name ab | forget a | announce a (to be replaced by a switchover) | withdraw
// decide() is called after every event, as the owner of a topology does.
#include <array>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "pgsteer/topology/topology.hpp"

namespace pgsteer::topology::testing {

inline constexpr std::uint64_t our_system = 7;

inline backend_spec spec_of(char letter) {
  return {std::string(1, letter) + ".example:5432", {"10.0.0." + std::to_string(letter - 'a' + 1), 5432}};
}

class history {
 public:
  explicit history(
      topology_options options = {.system = {our_system}}, time_point start = time_point{} + seconds{1000},
      const std::string& beginning = "name abc; a local_trouble; b local_trouble; c local_trouble",
      const std::optional<fence_mark>& remembered = {})
      : options_(options), topology_(options, remembered), now_(start) {
    play(beginning);
  }

  history& play(const std::string& events) {
    std::istringstream stream(events);
    for (std::string event; std::getline(stream, event, ';');) {
      std::istringstream words(event);
      perform(words);
      snapshot_ = topology_.decide(now_);
    }
    return *this;
  }

  // Nothing happens until this instant.
  void wait_until(time_point instant) {
    now_ = instant;
    snapshot_ = topology_.decide(now_);
  }

  [[nodiscard]] const topology_snapshot& snapshot() const { return snapshot_; }
  [[nodiscard]] const backend_status& of(char letter) const {
    for (const backend_status& status : snapshot_.backends) {
      if (status.name.text().front() == letter) return status;
    }
    throw std::invalid_argument("no such backend");
  }
  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] topology& decider() { return topology_; }
  [[nodiscard]] std::optional<time_point> next_deadline() const { return topology_.next_deadline(); }

  // "primary=a rw=a ro=bc close_rw=bc close_all= close_idle= disabled= drained= AMBIGUOUS", empty parts left
  // out.
  [[nodiscard]] std::string summary() const {
    std::string text;
    const auto list = [&](const char* what, auto&& belongs) {
      std::string letters;
      for (const backend_status& status : snapshot_.backends) {
        if (belongs(status)) letters += status.name.text().front();
      }
      if (!letters.empty()) text += (text.empty() ? "" : " ") + std::string(what) + "=" + letters;
    };
    list("primary", [&](const auto& status) { return snapshot_.primary == status.id; });
    list("rw", [](const auto& status) { return status.is_rw_eligible; });
    list("ro", [](const auto& status) { return status.is_ro_eligible; });
    list("close_rw", [](const auto& status) { return status.sessions == session_verdict::close_read_write; });
    list("close_all", [](const auto& status) { return status.sessions == session_verdict::close_all; });
    list("close_idle", [](const auto& status) { return status.close_when_idle; });
    list("disabled", [](const auto& status) { return status.order && !status.is_drained(); });
    list("drained", [](const auto& status) { return status.is_drained(); });
    if (snapshot_.is_ambiguous) text += text.empty() ? "AMBIGUOUS" : " AMBIGUOUS";
    return text;
  }

 private:
  static std::uint64_t number(std::istringstream& words) {
    std::uint64_t value = 0;
    if (!(words >> value)) throw std::invalid_argument("a number was expected");
    return value;
  }

  void perform(std::istringstream& words) {
    std::string word;
    words >> word;
    if (word == "wait") {
      now_ += milliseconds{number(words)};
    } else if (word == "upgrade") {
      topology next(options_);
      next.resume(topology_.recollect());
      topology_ = std::move(next);
    } else if (word == "pause") {
      topology_.note_pause(now_);
    } else if (word == "name") {
      words >> word;
      std::vector<backend_spec> specs;
      for (const char letter : word) specs.push_back(spec_of(letter));
      topology_.set_backends(specs);
      snapshot_ = topology_.decide(now_);
    } else if (word == "withhold") {
      words >> word;
      std::vector<backend_spec> specs;
      for (const char letter : std::string("abc")) {
        specs.push_back(spec_of(letter));
        specs.back().is_withheld = word.find(letter) != std::string::npos;
      }
      topology_.set_backends(specs);
    } else if (word == "disable" || word == "drain" || word == "resume") {
      order(word, words);
    } else if (word == "forget") {
      words >> word;
      topology_.forget(of(word.front()).id);
    } else if (word == "announce") {
      words >> word;
      topology_.announce_switchover(of(word.front()).id, replacement_sign::status, now_);
    } else if (word == "delete") {
      words >> word;
      topology_.announce_switchover(of(word.front()).id, replacement_sign::deletion, now_);
    } else if (word == "withdraw") {
      topology_.withdraw_switchover();
    } else if (word == "late") {
      const milliseconds age{number(words)};
      words >> word;
      probe(word.front(), words, age);
    } else {
      probe(word.front(), words, milliseconds{0});
    }
  }

  void order(const std::string& what, std::istringstream& words) {
    std::string whom;
    words >> whom;
    std::optional<operator_order> wanted;
    if (const auto kind = to_operator_order(what)) wanted = operator_order{*kind};
    if (std::uint64_t time = 0; wanted && words >> time) wanted->until = now_ + milliseconds{time};
    topology_.set_order(of(whom.front()).id, wanted);
  }

  void probe(char letter, std::istringstream& words, milliseconds age) {
    probe_result result;
    result.sent_at = now_ - age;
    result.received_at = now_;
    std::string word;
    words >> word;
    if (word == "overdue") {
      topology_.note_late(of(letter).id, now_);
      return;
    }
    if (word == "primary" || word == "standby") {
      result.outcome = probe_outcome::answered;
      result.answer = answer(word == "standby", words, result.outcome);
    } else {
      result.was_terminated = word == "terminated";
      result.outcome = result.was_terminated ? probe_outcome::connection_lost : outcome_named(word);
    }
    topology_.record(of(letter).id, result);
  }

  static role_answer answer(bool is_in_recovery, std::istringstream& words, probe_outcome& outcome) {
    role_answer answer;
    answer.is_in_recovery = is_in_recovery;
    answer.system = {our_system};
    answer.timeline = {static_cast<std::uint32_t>(number(words))};
    (is_in_recovery ? answer.replay_lsn : answer.write_lsn) = {1000};
    if (is_in_recovery) answer.receive_lsn = {1'000'000};
    for (std::string word; words >> word;) {
      if (word == "lsn") answer.write_lsn = {number(words)};
      if (word == "replay") answer.replay_lsn = {number(words)};
      if (word == "received") answer.receive_lsn = {number(words)};
      if (word == "run") answer.start_time_us = static_cast<std::int64_t>(number(words));
      if (word == "system") answer.system = {number(words)};
      if (word == "delay") answer.replay_delay = milliseconds{number(words)};
      if (word == "at-least") answer.is_timeline_lower_bound = true;
      if (word == "receiver") answer.has_wal_receiver = true;
      if (word == "cnpg") answer.is_cnpg_managed = true;
      if (word == "hung") outcome = probe_outcome::login_hung;
      if (word == "shutting") outcome = probe_outcome::shutting_down;
    }
    return answer;
  }

 public:
  static constexpr std::array all_outcomes{
      probe_outcome::answered,         probe_outcome::login_hung,       probe_outcome::wrong_credentials,
      probe_outcome::missing_database, probe_outcome::too_many_clients, probe_outcome::not_accepting,
      probe_outcome::query_failed,     probe_outcome::refused,          probe_outcome::unreachable,
      probe_outcome::timed_out,        probe_outcome::connection_lost,  probe_outcome::tls_failed,
      probe_outcome::not_postgresql,   probe_outcome::local_trouble,    probe_outcome::shutting_down};

 private:
  static probe_outcome outcome_named(const std::string& word) {
    for (const probe_outcome outcome : all_outcomes) {
      if (to_string(outcome) == word) return outcome;
    }
    throw std::invalid_argument("unknown event: " + word);
  }

  topology_options options_;
  topology topology_;
  time_point now_;
  topology_snapshot snapshot_;
};

// One row of a table test; reason is compared if it is not empty.
struct story {
  const char* name;
  const char* events;
  const char* expected;
  char who = 'a';
  const char* reason = "";
};

}  // namespace pgsteer::topology::testing
