#include "pgsteer/succession/offer.hpp"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "succession/age.hpp"
#include "succession/json_fields.hpp"

namespace pgsteer::succession {
namespace {

namespace json = boost::json;
using topology::probe_outcome;
using topology::recollection;
using topology::role_answer;

std::optional<json::value> parse(std::string_view text) {
  boost::system::error_code ec;
  json::value root = json::parse({text.data(), text.size()}, ec);
  if (ec) return std::nullopt;
  return root;
}

template <class Count>
json::value or_null(const std::optional<Count>& count) {
  return count ? json::value(*count) : json::value(nullptr);
}

json::object to_object(const role_answer& row) {
  return {
      {"is_in_recovery", row.is_in_recovery},
      {"system", row.system.value},
      {"timeline", row.timeline.value},
      {"is_timeline_lower_bound", row.is_timeline_lower_bound},
      {"write_lsn", row.write_lsn.value},
      {"receive_lsn", row.receive_lsn.value},
      {"replay_lsn", row.replay_lsn.value},
      {"replay_delay_ms", row.replay_delay ? json::value(row.replay_delay->count()) : json::value(nullptr)},
      {"has_wal_receiver", row.has_wal_receiver},
      {"is_replay_paused", row.is_replay_paused},
      {"start_time_us", row.start_time_us},
      {"server_version", row.server_version},
      {"max_connections", row.max_connections},
      {"connections_free", or_null(row.connections_free)},
      {"connections_used", or_null(row.connections_used)},
      {"own_sessions", row.own_sessions},
      {"backend_pid", row.backend_pid},
      {"is_cnpg_managed", row.is_cnpg_managed}};
}

std::optional<int> read_count(json_fields& from, std::string_view key) {
  if (from.is_null(key)) return std::nullopt;
  return from.number<int>(key);
}

role_answer read_row(json_fields from) {
  role_answer row;
  row.is_in_recovery = from.flag("is_in_recovery");
  row.system.value = from.number<std::uint64_t>("system");
  row.timeline.value = from.number<std::uint32_t>("timeline");
  row.is_timeline_lower_bound = from.flag("is_timeline_lower_bound");
  row.write_lsn.value = from.number<std::uint64_t>("write_lsn");
  row.receive_lsn.value = from.number<std::uint64_t>("receive_lsn");
  row.replay_lsn.value = from.number<std::uint64_t>("replay_lsn");
  if (!from.is_null("replay_delay_ms"))
    row.replay_delay = milliseconds(from.number<std::int64_t>("replay_delay_ms"));
  row.has_wal_receiver = from.flag("has_wal_receiver");
  row.is_replay_paused = from.flag("is_replay_paused");
  row.start_time_us = from.number<std::int64_t>("start_time_us");
  row.server_version = from.number<int>("server_version");
  row.max_connections = from.number<int>("max_connections");
  row.connections_free = read_count(from, "connections_free");
  row.connections_used = read_count(from, "connections_used");
  row.own_sessions = from.number<std::uint32_t>("own_sessions");
  row.backend_pid = from.number<int>("backend_pid");
  row.is_cnpg_managed = from.flag("is_cnpg_managed");
  return row;
}

json::object to_object(const recollection::backend& backend, time_point now) {
  json::array results;
  for (const topology::probe_result& each : backend.results) {
    json::object result{{"outcome", topology::to_string(each.outcome)},
                        {"age_ns", age_ns(each.sent_at, now)}};
    if (each.answer) result["row"] = to_object(*each.answer);
    results.push_back(std::move(result));
  }
  const topology::backend_spec& spec = backend.spec;
  return {{"id", backend.id.value},
          {"name", spec.name.text()},
          {"host", spec.address.host},
          {"port", spec.address.port},
          {"identity", spec.identity},
          {"is_withheld", spec.is_withheld},
          {"zone", spec.zone},
          {"is_in_own_zone", spec.is_in_own_zone},
          {"is_leaving", backend.is_leaving},
          {"left_as_primary", backend.left_as_primary},
          {"results", std::move(results)},
          {"rival_on", backend.rival_on.value},
          {"rival_of", backend.rival_of.value},
          {"followed", backend.followed.value},
          {"followed_in_run", backend.followed_in_run}};
}

json::object to_object(const recollection::order& of, time_point now) {
  const topology::operator_order& order = of.what;
  return {{"host", of.address.host},
          {"port", of.address.port},
          {"identity", of.identity},
          {"order", topology::to_string(order.what)},
          // Of an instant that is yet to come.
          {"age_ns", order.until ? json::value(age_ns(*order.until, now)) : json::value(nullptr)}};
}

recollection::order read_order(json_fields from, time_point now, bool& is_good) {
  recollection::order read;
  read.address = {from.text("host"), from.number<std::uint16_t>("port")};
  read.identity = from.text("identity");
  const std::string word = from.text("order");
  const auto known = topology::to_operator_order(word);
  if (!known) is_good = false;
  read.what.what = known.value_or(topology::operator_order::kind::disable);
  if (!from.is_null("age_ns")) read.what.until = before(now, from.number<std::int64_t>("age_ns"));
  return read;
}

topology::probe_result read_result(json_fields from, time_point now, bool& is_good) {
  topology::probe_result result;
  const std::string outcome = from.text("outcome");
  const auto known = topology::to_probe_outcome(outcome);
  if (!known) is_good = false;
  result.outcome = known.value_or(probe_outcome::timed_out);
  result.sent_at = result.received_at = before(now, from.number<std::int64_t>("age_ns"));
  if (from.has("row")) result.answer = read_row(from.object("row"));
  return result;
}

recollection::backend read_backend(json_fields from, time_point now, bool& is_good) {
  recollection::backend backend;
  backend.id.value = from.number<std::uint32_t>("id");
  backend.spec.name = from.text("name");
  backend.spec.address = {from.text("host"), from.number<std::uint16_t>("port")};
  backend.spec.identity = from.text("identity");
  backend.spec.is_withheld = from.flag("is_withheld");
  backend.spec.zone = from.text("zone");
  backend.spec.is_in_own_zone = from.flag("is_in_own_zone");
  backend.is_leaving = from.flag("is_leaving");
  backend.left_as_primary = from.flag("left_as_primary");
  for (const json::value& each : from.list("results"))
    backend.results.push_back(read_result({each, is_good}, now, is_good));
  backend.rival_on.value = from.number<std::uint32_t>("rival_on");
  backend.rival_of.value = from.number<std::uint32_t>("rival_of");
  backend.followed.value = from.number<std::uint32_t>("followed");
  backend.followed_in_run = from.number<std::int64_t>("followed_in_run");
  return backend;
}

json::object to_object(const greeting& value) {
  return {{"format", value.format}, {"version", value.version}, {"pid", value.pid}};
}

greeting read_greeting_fields(json_fields from, bool& is_good) {
  greeting read;
  read.format = from.number<int>("format");
  read.version = from.text("version");
  read.pid = from.number<std::int64_t>("pid");
  if (read.format != format) is_good = false;
  return read;
}

// What reads it out of the fields of an object, or nothing if anything is missing.
template <class Read>
auto read_all(std::string_view text, Read read)
    -> std::optional<decltype(read(std::declval<json_fields>(), std::declval<bool&>()))> {
  const auto root = parse(text);
  bool is_good = root.has_value();
  if (!is_good) return std::nullopt;
  auto made = read(json_fields(*root, is_good), is_good);
  if (!is_good) return std::nullopt;
  return made;
}

constexpr std::array<std::pair<word::kind, std::string_view>, 5> word_words{{{word::kind::ready, "ready"},
                                                                             {word::kind::refused, "refused"},
                                                                             {word::kind::go, "go"},
                                                                             {word::kind::owned, "owned"},
                                                                             {word::kind::done, "done"}}};

std::string_view text_of(word::kind what) {
  return std::ranges::find(word_words, what, [](const auto& each) { return each.first; })->second;
}

word::kind kind_of(std::string_view text, bool& is_good) {
  const auto found = std::ranges::find(word_words, text, [](const auto& each) { return each.second; });
  if (found != word_words.end()) return found->first;
  is_good = false;
  return {};
}

}  // namespace

std::string to_json(const greeting& value) {
  return json::serialize(to_object(value));
}

std::string to_json(const offer& value, time_point now) {
  json::array backends;
  for (const recollection::backend& each : value.topology.backends) backends.push_back(to_object(each, now));
  json::array orders;
  for (const recollection::order& each : value.topology.orders) orders.push_back(to_object(each, now));
  json::object root{{"from", to_object(value.from)},    {"backends", std::move(backends)},
                    {"orders", std::move(orders)},      {"has_primary", value.has_primary},
                    {"has_standby", value.has_standby}, {"sockets", value.sockets}};
  if (value.topology.incumbent) root["incumbent"] = value.topology.incumbent->value;
  if (const auto& mark = value.topology.mark) {
    root["fence"] = {{"system", mark->system.value},
                     {"timeline", mark->timeline.value},
                     {"raised_at", mark->raised_at.value}};
  }
  return json::serialize(root);
}

std::string to_json(const socket_offer& value) {
  return json::serialize(
      json::object{{"socket", value.name}, {"bind", value.bind}, {"kept_open", value.is_kept_open}});
}

std::string to_json(const word& value) {
  const auto list = [](const std::vector<std::size_t>& places) {
    json::array made;
    for (const std::size_t place : places) made.emplace_back(place);
    return made;
  };
  return json::serialize(json::object{{"word", text_of(value.what)},
                                      {"why", value.why},
                                      {"batch", value.batch},
                                      {"left", list(value.left)},
                                      {"later", list(value.later)},
                                      {"newest_session", value.newest_session}});
}

std::optional<greeting> read_greeting(std::string_view text) {
  return read_all(text, [](json_fields from, bool& is_good) { return read_greeting_fields(from, is_good); });
}

std::optional<offer> read_offer(std::string_view text, time_point now) {
  return read_all(text, [now](json_fields from, bool& is_good) {
    offer read;
    read.from = read_greeting_fields(from.object("from"), is_good);
    for (const json::value& each : from.list("backends"))
      read.topology.backends.push_back(read_backend({each, is_good}, now, is_good));
    if (from.has("orders")) {  // a process that knows of none says nothing
      for (const json::value& each : from.list("orders"))
        read.topology.orders.push_back(read_order({each, is_good}, now, is_good));
    }
    if (from.has("incumbent"))
      read.topology.incumbent = topology::backend_id{from.number<std::uint32_t>("incumbent")};
    if (from.has("fence")) {
      json_fields mark = from.object("fence");
      read.topology.mark = topology::fence_mark{.system = {mark.number<std::uint64_t>("system")},
                                                .timeline = {mark.number<std::uint32_t>("timeline")},
                                                .raised_at = {mark.number<std::uint64_t>("raised_at")}};
    }
    read.has_primary = from.flag("has_primary");
    read.has_standby = from.flag("has_standby");
    read.sockets = from.number<std::size_t>("sockets");
    return read;
  });
}

std::optional<socket_offer> read_socket_offer(std::string_view text) {
  return read_all(text, [](json_fields from, bool& /*is_good*/) {
    return socket_offer{
        .name = from.text("socket"), .bind = from.text("bind"), .is_kept_open = from.flag("kept_open")};
  });
}

std::optional<word> read_word(std::string_view text) {
  return read_all(text, [](json_fields from, bool& is_good) {
    word read{.what = kind_of(from.text("word"), is_good),
              .why = from.text("why"),
              .batch = from.number<std::uint64_t>("batch"),
              .left = {},
              .later = {}};
    if (from.has("newest_session")) read.newest_session = from.number<std::uint64_t>("newest_session");
    for (const auto& [key, places] : {std::pair{"left", &read.left}, std::pair{"later", &read.later}}) {
      for (const json::value& each : from.list(key)) {
        boost::system::error_code ec;
        places->push_back(each.to_number<std::size_t>(ec));
        if (ec) is_good = false;
      }
    }
    return read;
  });
}

}  // namespace pgsteer::succession
