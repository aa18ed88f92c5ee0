#pragma once
// session_batch: sessions on their way from one process to the next, as a parcel.
//
// Values and their format. The sessions keep their sockets: those go beside the parcel, two of each, in
// order. What clients and backends have made up (names, secrets, bytes of theirs) is in the parcel's bytes,
// the rest in its text.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/session/carried_session.hpp"
#include "pgsteer/succession/parcel_socket.hpp"

namespace pgsteer::succession {

// So many take some 100 us to pack and as much to unpack, which the last of them waits for.
inline constexpr std::size_t batch_sessions_max = 32;
static_assert(2 * batch_sessions_max <= parcel_socket::descriptors_max);

struct session_batch {
  std::uint64_t number = 0;
  std::vector<session::carried_session> sessions;
};

struct packed_batch {
  std::string text;
  std::vector<std::uint8_t> bytes;
  std::vector<int> descriptors;  // the sessions' own
};
// sessions: at most batch_sessions_max.
[[nodiscard]] packed_batch pack(std::uint64_t number, std::span<const session::carried_session> sessions,
                                time_point now);
// Nothing: it is no batch. The sockets are open and non-blocking, as they were.
[[nodiscard]] std::optional<session_batch> unpack(parcel received, time_point now);

}  // namespace pgsteer::succession
