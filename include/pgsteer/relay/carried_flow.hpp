#pragma once
// carried_flow: what is left of a flow in the middle of its life once its two sockets are no engine's any
// more: enough for start() of any engine, in this process or another, to carry it on with no byte changed.
//
// Plain values, no descriptors and no pointers: those stay with the flow's owner. Pure.
//
// Flow: engine::detach() -> flow_owner::on_detach() -> flow_start{..., to_backend, to_client: stuck;
// past: &past} -> engine::start().
#include <array>
#include <cstdint>
#include <vector>

namespace pgsteer::relay {

// What the bytes passed on so far have told of its end (relay/flow_ending.hpp).
struct flow_memory {
  bool is_readable = false;            // PostgreSQL's messages in the clear
  std::uint64_t last_six = 0;          // bytes sent to the client, the last one lowest; 0: of no use
  std::uint8_t goodbye = 0;            // who has said it (relay/goodbye.hpp)
  bool may_be_terminate = false;       // and what the client sent last
  std::uint8_t terminate_ciphers = 0;  // by which it is that
  std::uint8_t ended_first = 0;        // 1: the client, 2: the backend
  bool is_orderly = false;             // and not by a failure
  bool has_backend_spoken_last = false;
};

// Arrays: of the client or what comes from it, of the backend or what comes from there.
struct flow_past {
  std::array<std::uint64_t, 2> bytes{};  // delivered
  std::array<bool, 2> is_done{};         // nothing more is passed on: its FIN was, or the other side failed
  std::array<int, 2> error{};            // the errno that its socket has failed with
  std::array<std::uint32_t, 2> user_timeout_taken_ms{};  // from its socket (relay/stall_guard.hpp)
  flow_memory memory;
};

struct carried_flow {
  std::array<std::vector<std::uint8_t>, 2> stuck;  // read from it, and not yet written to the other side
  flow_past past;
};

}  // namespace pgsteer::relay
