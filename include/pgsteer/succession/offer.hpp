#pragma once
// What a process that hands over says first: what it knows of the backends, and its listening sockets.
//
// Values, and their JSON; which of it is used is the successor's business. Points in time travel as ages.
//
//   predecessor                      successor
//                                    greeting
//   offer, then a socket_offer each
//                                    ready, or refused
//   go: it accepts nobody any more
//   a batch of sessions                               (session_batch.hpp)
//                                    owned
//   ...
//   done
//                                    done: the predecessor may leave
#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/topology/recollection.hpp"

namespace pgsteer::succession {

// Of all of it. A process that does not know the other's refuses, and nothing has changed.
inline constexpr int format = 1;

struct greeting {
  int format = succession::format;
  std::string version;
  std::int64_t pid = 0;
};

struct offer {
  greeting from;
  topology::recollection topology;
  bool has_primary = false;  // takes new sessions, or would but for the operator's order
  bool has_standby = false;  // likewise
  std::size_t sockets = 0;
};

// Of a net::inherited_socket; the descriptor goes beside it.
struct socket_offer {
  std::string name;
  std::string bind;
  bool is_kept_open = false;
};

// What the predecessor says later, and the successor answers.
struct word {
  enum class kind { ready, refused, go, owned, done };
  kind what = kind::done;
  std::string why = {};                // of refused
  std::uint64_t batch = 0;             // of owned
  std::vector<std::size_t> left = {};  // of owned: places in the batch of those that were not taken
  // Of owned: likewise, but to be offered again: the successor has not heard yet that their backend may have
  // them.
  std::vector<std::size_t> later = {};
  std::uint64_t newest_session = 0;  // of go: the ids of its sessions go up to this (session/session_id.hpp)
};

[[nodiscard]] std::string to_json(const greeting& value);
[[nodiscard]] std::string to_json(const offer& value, time_point now);
[[nodiscard]] std::string to_json(const socket_offer& value);
[[nodiscard]] std::string to_json(const word& value);

// Nothing: it is none, or of another format.
[[nodiscard]] std::optional<greeting> read_greeting(std::string_view json);
[[nodiscard]] std::optional<offer> read_offer(std::string_view json, time_point now);
[[nodiscard]] std::optional<socket_offer> read_socket_offer(std::string_view json);
[[nodiscard]] std::optional<word> read_word(std::string_view json);

}  // namespace pgsteer::succession
