#include "admin/session_list.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>
#include <ostream>
#include <utility>

#include "admin/json_fields.hpp"
#include "admin/session_list_json.hpp"
#include "admin/text_table.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

namespace json = boost::json;

// Throws if it is none; read_session_report() turns that into nothing.
session_report report_in(const json::object& from) {
  session_report report;
  for (const json::value& each : from.at("sessions").as_array())
    report.sessions.push_back(read_live_session(each).value());
  for (const json::value& each : from.at("backends").as_array()) {
    const json::object& of = each.as_object();
    report.rest.backends.push_back({text_at(of, "name"), text_at(of, "address")});
  }
  for (const json::value& each : from.at("missing").as_array())
    report.rest.missing.push_back(json::value_to<std::string>(each));
  return report;
}

bool is_at(const live_session& of, const std::string& backend) {
  return of.backend == backend || of.backend_address == backend;
}

table_row session_row(const live_session& of) {
  return {or_dash(of.id),
          or_dash(of.listener),
          or_dash(of.user),
          or_dash(of.database),
          or_dash(of.application_name),
          or_dash(of.client),
          or_dash(of.backend),
          or_dash(of.backend_address),
          or_dash(of.local_address),
          of.backend_pid ? std::to_string(*of.backend_pid) : "-",
          or_dash(of.state),
          age_in_words(of.age),
          bytes_in_words(of.bytes_to_backend),
          bytes_in_words(of.bytes_to_client)};
}

}  // namespace

std::optional<session_report> read_session_report(std::string_view text) {
  try {
    return report_in(json::parse(text).as_object());
  } catch (const std::exception&) {  // how Boost.JSON says malformed, missing and of another type
    return std::nullopt;
  }
}

bool knows_backend(const session_report& of, const std::string& backend) {
  return std::ranges::any_of(
             of.rest.backends,
             [&](const known_backend& each) { return each.name == backend || each.address == backend; }) ||
         std::ranges::any_of(of.sessions, [&](const live_session& each) { return is_at(each, backend); });
}

std::string backends_in_words(const session_report& of) {
  std::string words;
  for (const known_backend& each : of.rest.backends) {
    if (!words.empty()) words += ", ";
    words +=
        each.name.empty() || each.name == each.address ? each.address : each.name + " (" + each.address + ")";
  }
  return words.empty() ? "none, as no backend is known" : words;
}

std::vector<live_session> chosen(std::vector<live_session> from, const sessions_request& wanted) {
  std::erase_if(from, [&](const live_session& each) {
    return (!wanted.backend.empty() && !is_at(each, wanted.backend)) ||
           (!wanted.user.empty() && each.user != wanted.user);
  });
  switch (wanted.sort) {
    case sessions_request::order::age:
      std::ranges::stable_sort(from, std::ranges::greater{}, &live_session::age);
      break;
    case sessions_request::order::bytes:
      std::ranges::stable_sort(from, std::ranges::greater{}, [](const live_session& each) {
        return each.bytes_to_backend + each.bytes_to_client;
      });
      break;
  }
  return from;
}

void print_sessions(const std::vector<live_session>& shown, std::size_t all, std::ostream& out) {
  std::vector<table_row> rows{{"ID", "LISTENER", "USER", "DATABASE", "APPLICATION", "CLIENT", "BACKEND",
                               "ADDRESS", "LOCAL", "PID", "STATE", "AGE", "TO BACKEND", "TO CLIENT"}};
  for (const live_session& each : shown) rows.push_back(session_row(each));
  print_table(rows, out);
  out << '\n';
  if (shown.size() != all) out << shown.size() << " of ";
  out << all << (all == 1 ? " session\n" : " sessions\n");
}

void print_sessions_json(const std::vector<live_session>& shown, std::ostream& out) {
  out << R"({"sessions":[)";
  for (std::size_t i = 0; i < shown.size(); ++i)
    out << (i == 0 ? "\n" : ",\n") << terminal_safe_json(json::serialize(to_json(shown[i])));
  out << "\n]}\n";
}

std::string ended_in_words(const live_session& was) {
  const bool is_named = !was.user.empty() || !was.database.empty();
  std::string words = "session " + terminal_safe(was.id);
  if (is_named) words += " of " + terminal_safe(was.user) + "@" + terminal_safe(was.database);
  words += " from " + terminal_safe(was.client) + " is ended";
  if (was.state == "encrypted") words += "; a statement that its backend still runs goes on until it answers";
  return words;
}

}  // namespace pgsteer::admin
