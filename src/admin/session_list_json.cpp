#include "admin/session_list_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "admin/json_fields.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

namespace json = boost::json;

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(well_formed(text));
}

live_session session_in(const json::object& from) {
  live_session read;
  read.id = text_at(from, "id");
  read.listener = text_at(from, "listener");
  read.user = text_at(from, "user");
  read.database = text_at(from, "database");
  read.application_name = text_at(from, "application_name");
  read.client = text_at(from, "client");
  read.backend = text_at(from, "backend");
  read.backend_address = text_at(from, "backend_address");
  read.local_address = text_at(from, "local_address");
  if (const json::value& pid = from.at("backend_pid"); !pid.is_null())
    read.backend_pid = pid.to_number<std::uint32_t>();
  read.state = text_at(from, "state");
  read.age = milliseconds(from.at("age_ms").to_number<std::int64_t>());
  read.bytes_to_backend = count_at(from, "bytes_to_backend");
  read.bytes_to_client = count_at(from, "bytes_to_client");
  return read;
}

kill_report kill_report_in(const json::object& from) {
  kill_report read;
  const std::string outcome = text_at(from, "outcome");
  read.problem = text_at(from, "problem");
  if (outcome == "done") {
    read.what = kill_report::outcome::done;
    read.was = session_in(from.at("session").as_object());
  } else if (outcome != "impossible") {
    throw std::invalid_argument("an outcome that this version does not know");
  }
  return read;
}

}  // namespace

json::object to_json(const live_session& of) {
  return {{"id", of.id},
          {"listener", well_formed(of.listener)},
          {"user", text_or_null(of.user)},
          {"database", text_or_null(of.database)},
          {"application_name", text_or_null(of.application_name)},
          {"client", text_or_null(of.client)},
          {"backend", text_or_null(of.backend)},
          {"backend_address", text_or_null(of.backend_address)},
          {"local_address", text_or_null(of.local_address)},
          {"backend_pid", of.backend_pid ? json::value(*of.backend_pid) : json::value(nullptr)},
          {"state", of.state},
          {"age_ms", of.age.count()},
          {"bytes_to_backend", of.bytes_to_backend},
          {"bytes_to_client", of.bytes_to_client}};
}

std::optional<live_session> read_live_session(const json::value& from) {
  try {
    return session_in(from.as_object());
  } catch (const std::exception&) {  // how Boost.JSON says missing and of another type
    return std::nullopt;
  }
}

void session_list_text::add(const live_session& next) {
  if (text_.size() >= session_list_bytes_max) {
    ++left_out_;
    return;
  }
  text_ += sessions_++ == 0 ? "\n" : ",\n";
  text_ += json::serialize(to_json(next));
}

std::string session_list_text::finish(const session_list_taker::rest& rest) {
  json::array backends;
  for (const known_backend& each : rest.backends)
    backends.push_back({{"name", well_formed(each.name)}, {"address", each.address}});
  json::array missing;
  for (const std::string& each : rest.missing) missing.emplace_back(well_formed(each));
  if (left_out_ != 0) {
    missing.emplace_back(std::to_string(left_out_) + " sessions are left out: the list is longer than " +
                         bytes_in_words(session_list_bytes_max));
  }
  text_ +=
      "\n],\"backends\":" + json::serialize(backends) + ",\"missing\":" + json::serialize(missing) + "}\n";
  return std::move(text_);
}

std::string to_json(const kill_report& report) {
  const bool is_done = report.what == kill_report::outcome::done;
  return json::serialize(json::object{{"outcome", is_done ? "done" : "impossible"},
                                      {"problem", well_formed(report.problem)},
                                      {"session", is_done ? json::value(to_json(report.was)) : nullptr}}) +
         "\n";
}

std::optional<kill_report> read_kill_report(const std::string& text) {
  try {
    return kill_report_in(json::parse(text).as_object());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace pgsteer::admin
