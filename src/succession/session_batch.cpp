#include "pgsteer/succession/session_batch.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "succession/age.hpp"
#include "succession/json_fields.hpp"

namespace pgsteer::succession {
namespace {

namespace json = boost::json;
using session::carried_session;

// Appends to the bytes; the text says how many they are.
class bytes_writer {
 public:
  explicit bytes_writer(std::vector<std::uint8_t>& into) : into_(into) {}
  std::size_t add(byte_span bytes) {
    into_.insert(into_.end(), bytes.begin(), bytes.end());
    return bytes.size();
  }

 private:
  std::vector<std::uint8_t>& into_;
};

class bytes_reader {
 public:
  bytes_reader(byte_span from, bool& is_good) : from_(from), is_good_(is_good) {}
  byte_span take(std::size_t n) {
    if (n > from_.size()) {
      is_good_ = false;
      n = 0;
    }
    const byte_span taken = from_.first(n);
    from_ = from_.subspan(n);
    return taken;
  }
  [[nodiscard]] bool is_empty() const noexcept { return from_.empty(); }

 private:
  byte_span from_;
  bool& is_good_;
};

template <class Value>
json::array pair_of(const std::array<Value, 2>& values) {
  return {values[0], values[1]};
}

template <class Number>
std::array<Number, 2> read_pair(json_fields& from, std::string_view key, bool& is_good) {
  std::array<Number, 2> read{};
  const json::array& list = from.list(key);
  if (list.size() != read.size()) {
    is_good = false;
    return read;
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    boost::system::error_code ec;
    read[i] = list[i].to_number<Number>(ec);
    if (ec) is_good = false;
  }
  return read;
}

json::object to_object(const relay::flow_past& past) {
  const relay::flow_memory& memory = past.memory;
  return {{"bytes", pair_of(past.bytes)},
          {"is_done", pair_of(std::array{int{past.is_done[0]}, int{past.is_done[1]}})},
          {"error", pair_of(past.error)},
          {"user_timeout_taken_ms", pair_of(past.user_timeout_taken_ms)},
          {"is_readable", memory.is_readable},
          {"last_six", memory.last_six},
          {"goodbye", memory.goodbye},
          {"may_be_terminate", memory.may_be_terminate},
          {"terminate_ciphers", memory.terminate_ciphers},
          {"ended_first", memory.ended_first},
          {"is_orderly", memory.is_orderly},
          {"has_backend_spoken_last", memory.has_backend_spoken_last}};
}

relay::flow_past read_past(json_fields from, bool& is_good) {
  relay::flow_past past;
  past.bytes = read_pair<std::uint64_t>(from, "bytes", is_good);
  const auto is_done = read_pair<int>(from, "is_done", is_good);
  past.is_done = {is_done[0] != 0, is_done[1] != 0};
  past.error = read_pair<int>(from, "error", is_good);
  past.user_timeout_taken_ms = read_pair<std::uint32_t>(from, "user_timeout_taken_ms", is_good);
  relay::flow_memory& memory = past.memory;
  memory.is_readable = from.flag("is_readable");
  memory.last_six = from.number<std::uint64_t>("last_six");
  memory.goodbye = from.number<std::uint8_t>("goodbye");
  memory.may_be_terminate = from.flag("may_be_terminate");
  memory.terminate_ciphers = from.number<std::uint8_t>("terminate_ciphers");
  memory.ended_first = from.number<std::uint8_t>("ended_first");
  memory.is_orderly = from.flag("is_orderly");
  memory.has_backend_spoken_last = from.flag("has_backend_spoken_last");
  return past;
}

json::object pack_one(const carried_session& one, bytes_writer& bytes, time_point now) {
  const endpoint client = net::client_endpoint(one.client_address);
  json::object fields{{"session", one.id.value},
                      {"listener", one.listener},
                      {"client_host", client.host},
                      {"client_port", client.port},
                      {"backend", one.backend.value},
                      {"backend_host", one.backend_address.host},
                      {"backend_port", one.backend_address.port},
                      {"accepted_age_ns", age_ns(one.accepted_at, now)},
                      {"logged_in_age_ns", age_ns(one.logged_in_at, now)},
                      {"flow", to_object(one.flow.past)}};
  fields["user_bytes"] = bytes.add(as_bytes(one.user));
  fields["database_bytes"] = bytes.add(as_bytes(one.database));
  fields["application_name_bytes"] = bytes.add(as_bytes(one.application_name));
  if (one.key) {
    fields["pid"] = one.key->pid;
    fields["secret_bytes"] = bytes.add(as_bytes(one.key->secret));
  }
  fields["to_backend_bytes"] = bytes.add(one.flow.stuck[0]);
  fields["to_client_bytes"] = bytes.add(one.flow.stuck[1]);
  return fields;
}

// The parts of its bytes are read in the order in which they were packed.
carried_session unpack_one(json_fields from, bytes_reader& bytes, time_point now, bool& is_good) {
  carried_session one;
  const auto next_bytes = [&](std::string_view key) { return bytes.take(from.number<std::size_t>(key)); };
  // An older process does not know these two.
  if (from.has("session")) one.id.value = from.number<std::uint64_t>("session");
  one.listener = from.text("listener");
  const auto client =
      net::to_client(endpoint{from.text("client_host"), from.number<std::uint16_t>("client_port")});
  if (client) {
    one.client_address = *client;
  } else {
    is_good = false;
  }
  one.backend.value = from.number<std::uint32_t>("backend");
  one.backend_address = {from.text("backend_host"), from.number<std::uint16_t>("backend_port")};
  one.accepted_at = before(now, from.number<std::int64_t>("accepted_age_ns"));
  one.logged_in_at = before(now, from.number<std::int64_t>("logged_in_age_ns"));
  one.flow.past = read_past(from.object("flow"), is_good);
  one.user = as_text(next_bytes("user_bytes"));
  one.database = as_text(next_bytes("database_bytes"));
  if (from.has("application_name_bytes"))
    one.application_name = as_text(next_bytes("application_name_bytes"));
  if (from.has("pid")) {
    one.key.emplace();
    one.key->pid = from.number<std::uint32_t>("pid");
    one.key->secret = as_text(next_bytes("secret_bytes"));
  }
  const auto own = [](byte_span span) { return std::vector<std::uint8_t>(span.begin(), span.end()); };
  one.flow.stuck[0] = own(next_bytes("to_backend_bytes"));
  one.flow.stuck[1] = own(next_bytes("to_client_bytes"));
  return one;
}

}  // namespace

packed_batch pack(std::uint64_t number, std::span<const carried_session> sessions, time_point now) {
  PGSTEER_ASSERT(sessions.size() <= batch_sessions_max);
  packed_batch made;
  bytes_writer bytes(made.bytes);
  json::array packed;
  for (const carried_session& each : sessions) {
    packed.push_back(pack_one(each, bytes, now));
    made.descriptors.push_back(each.client.value());
    made.descriptors.push_back(each.backend_socket.value());
  }
  made.text = json::serialize(json::object{{"batch", number}, {"sessions", std::move(packed)}});
  return made;
}

std::optional<session_batch> unpack(parcel received, time_point now) {
  boost::system::error_code ec;
  const json::value root = json::parse(received.text, ec);
  bool is_good = !ec;
  if (!is_good) return std::nullopt;
  session_batch batch;
  json_fields fields(root, is_good);
  batch.number = fields.number<std::uint64_t>("batch");
  bytes_reader bytes(received.bytes, is_good);
  for (const json::value& each : fields.list("sessions"))
    batch.sessions.push_back(unpack_one({each, is_good}, bytes, now, is_good));
  if (!bytes.is_empty() || received.descriptors.size() != 2 * batch.sessions.size()) is_good = false;
  if (!is_good) return std::nullopt;
  for (std::size_t i = 0; i < batch.sessions.size(); ++i) {
    batch.sessions[i].client = std::move(received.descriptors[2 * i]);
    batch.sessions[i].backend_socket = std::move(received.descriptors[2 * i + 1]);
  }
  return batch;
}

}  // namespace pgsteer::succession
