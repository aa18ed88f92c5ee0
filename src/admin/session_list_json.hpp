#pragma once
// Live sessions as JSON, between a running pgsteer and the commands that ask it. Its keys are a contract: add
// behind the last one, never rename.
//
// Pure; any thread. What is read comes from whoever listens on the socket: nothing in it is trusted.
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "pgsteer/admin/session_list.hpp"

namespace pgsteer::admin {

// A list is cut behind this. A session makes some 400 bytes, so that is 160,000 of them; where three names of
// 63 bytes are all control characters, six bytes each here, and the others are long too, 2,000 bytes and
// 33,000 sessions.
inline constexpr std::size_t session_list_bytes_max = std::size_t{64} * 1024 * 1024;

// {"id", "listener", "user", "database", "application_name", "client", "backend", "backend_address",
//  "local_address", "backend_pid", "state", "age_ms", "bytes_to_backend", "bytes_to_client"}; null: not
//  known.
[[nodiscard]] boost::json::object to_json(const live_session& of);
// Nothing: it is none.
[[nodiscard]] std::optional<live_session> read_live_session(const boost::json::value& from);

// {"sessions": [...], "backends": [{"name", "address"}], "missing": ["why"]}, a line for each session; made
// as they come.
class session_list_text {
 public:
  void add(const live_session& next);
  [[nodiscard]] std::string finish(const session_list_taker::rest& rest);

 private:
  std::string text_ = R"({"sessions":[)";
  std::size_t sessions_ = 0;
  std::size_t left_out_ = 0;
};

// {"outcome": "done", "problem": "", "session": {...}}
[[nodiscard]] std::string to_json(const kill_report& report);
[[nodiscard]] std::optional<kill_report> read_kill_report(const std::string& json);

}  // namespace pgsteer::admin
