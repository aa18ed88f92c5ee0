#pragma once
// flow_ending: which side ended a flow, whether what came after that was a fault, and whether the client may
// still be told something.
//
// Pure: what the sockets show is handed in. One per flow.
//
// Whoever said goodbye has ended the flow, else the side whose end is noticed first. After an orderly end, a
// goodbye or a FIN, a reset is no fault any more: a client that has closed answers the backend's close_notify
// with one, and so does a backend that has gone without reading the client's. A time-out is one: nobody
// answers.
//
// Flow: from_client(), to_client() or note_unseen() for every chunk that is passed on; note() at each end or
// failure of a side -> when_closed() or when_failed(), once.
#include <cerrno>
#include <optional>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/relay/engine.hpp"
#include "relay/goodbye.hpp"
#include "relay/ready_tail.hpp"
#include "relay/side.hpp"

namespace pgsteer::relay {

// What system calls say to whoever hands them the wrong descriptor or memory, never for a peer's doing.
[[nodiscard]] constexpr bool is_misuse(int error) noexcept {
  return error == EBADF || error == EFAULT || error == EINVAL || error == ENOTSOCK || error == EEXIST ||
         error == ENOENT;
}

class flow_ending {
 public:
  // is_readable: the bytes are PostgreSQL's messages in the clear, else they are encrypted.
  explicit flow_ending(bool is_readable) noexcept : goodbye_(is_readable) {}
  // Carries on where another has stopped.
  explicit flow_ending(const flow_memory& before) noexcept;
  [[nodiscard]] flow_memory memory() const noexcept;

  void from_client(byte_span bytes) noexcept;
  void to_client(byte_span bytes) noexcept {
    has_backend_spoken_last_ = true;
    tail_.to_client(bytes);
    goodbye_.to_client(bytes);
  }
  // Bytes of this side were passed on without being looked at: no words of a kind that counts here.
  void note_unseen(side source) noexcept;
  // has_failed: by a reset, a time-out or another error, not by a FIN. client: what is known of that peer;
  // counts only if depends_on_client(noticed). The first call decides.
  void note(side noticed, bool has_failed, net::peer_state client) noexcept;
  // The client may have ended as well, and knows nothing of the backend's end yet: look at it before note().
  [[nodiscard]] bool depends_on_client(side noticed) const noexcept {
    return !first_ && noticed == side::backend && !goodbye_.is_readable() &&
           goodbye_.said() == goodbye::speaker::nobody;
  }

  [[nodiscard]] bool has_begun() const noexcept { return first_.has_value(); }
  [[nodiscard]] side first() const noexcept { return first_.value_or(side::client); }

  // The client has been told of the backend's end: what it says from now on may be the answer to that.
  void note_client_told() noexcept { is_client_told_ = true; }

  // Both sides have ended by a FIN and all is delivered.
  [[nodiscard]] flow_end when_closed() const noexcept;
  // This side has failed with this errno. Misuse of a descriptor is no side's failure but our defect.
  [[nodiscard]] flow_end when_failed(side which, int error) const noexcept;
  // As flow_summary::is_idle_outside_transaction has it, if all that was to be passed on has been and nothing
  // has arrived that was not read.
  [[nodiscard]] bool is_client_ready() const noexcept { return goodbye_.is_readable() && tail_.is_ready(); }
  // Likewise, amid a transaction.
  [[nodiscard]] bool is_client_in_transaction() const noexcept {
    return goodbye_.is_readable() && tail_.is_in_transaction();
  }
  [[nodiscard]] bool is_readable() const noexcept { return goodbye_.is_readable(); }
  // Of all that was passed on, whoever's words can be read or not.
  [[nodiscard]] bool has_backend_spoken_last() const noexcept { return has_backend_spoken_last_; }

 private:
  [[nodiscard]] bool is_the_clients() const noexcept;

  goodbye goodbye_;
  ready_tail tail_;
  std::optional<side> first_;
  bool is_orderly_ = false;
  bool is_client_told_ = false;
  bool has_backend_spoken_last_ = false;
};

}  // namespace pgsteer::relay
