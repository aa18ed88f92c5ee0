#pragma once
// What a running pgsteer tells of its live sessions over its control socket, and of an order to end one.
//
// Values; any thread. Nothing is guessed: what pgsteer does not know of a session is empty.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::admin {

struct live_session {
  std::string id;  // as in the log's lines: "3f2a"
  std::string listener;
  // As the client has named them, in whatever encoding.
  std::string user;
  std::string database;
  std::string application_name;
  std::string client;   // "10.0.0.9:41234"
  std::string backend;  // its name, if discovery knows it still
  std::string backend_address;
  std::string local_address;  // pgsteer's own end of the connection to it
  std::optional<std::uint32_t> backend_pid;
  std::string state;  // "idle"
  milliseconds age{};
  std::uint64_t bytes_to_backend = 0;
  std::uint64_t bytes_to_client = 0;
};

struct known_backend {
  std::string name;
  std::string address;
};

// Who gets the list: some sessions at a time, in no order, and in the end the rest, once.
struct session_list_taker {
  struct rest {
    std::vector<known_backend> backends;
    std::vector<std::string> missing;  // why sessions may be missing in it, in words
  };
  std::function<void(const std::vector<live_session>&)> some;
  std::function<void(const rest&)> over;
};

// What became of the order to end a session.
struct kill_report {
  enum class outcome {
    done,
    impossible,  // it is not there, or its worker does not answer
  };
  outcome what = outcome::impossible;
  std::string problem;
  live_session was;  // done: the session as it was
};

}  // namespace pgsteer::admin
