#pragma once
// login_machine: one login, from the client's first byte to the backend's ReadyForQuery. Decides what is done
// next; does nothing itself.
//
// Pure: no socket, no clock, no log; counts in the counters it was given. What it takes a place in is shared
// with other workers and locks itself (base/permit.hpp, permit_queue.hpp). The places of a state are given
// back with it, those of the whole login (data) at its end. One worker's thread.
//
// Flow:
//   resume(begun) -> action; then resume(event) -> action for whatever happens (event.hpp, action.hpp)
//   relay -> take_backend(), to_backend(), to_client(); if is_readable(), watch() every chunk of the
//            backend's until it says something else than passing on; deadlines go on
//   end   -> end()
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "pgsteer/base/permit.hpp"
#include "pgsteer/login/action.hpp"
#include "pgsteer/login/admission.hpp"
#include "pgsteer/login/event.hpp"
#include "pgsteer/login/reach_machine.hpp"
#include "pgsteer/login/surroundings.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"
#include "pgsteer/pgwire/login_watch.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"

namespace pgsteer::login {

// What becomes of the backend's bytes while it logs the client in.
struct watched {
  enum class verdict {
    passing_on,  // these bytes; show the next
    logged_in,   // these bytes too; key() is known if there is one
    failed,      // the backend refused the login; these bytes too
    refused,     // not these bytes: the session ends
  };
  verdict what = verdict::passing_on;
  std::optional<topology::hint> hint{};
  std::optional<close_reason>
      end{};               // failed, refused: why the session ends, now or once the backend ends it
  bool may_speak = false;  // refused: the client can read a message of ours now
};

// How far it is, for people.
enum class login_stage : std::uint8_t {
  under_way,
  held,        // since there was no backend for it
  cancelling,  // carries a CancelRequest, and is no login
};

class login_machine {
 public:
  // Of a client that may log in.
  login_machine(const surroundings& around, permit login);
  // Of one that is to be told why not.
  login_machine(const surroundings& around, refused why);

  [[nodiscard]] action resume(const event& what, time_point now);

  // Those that are not to be chosen again, and the one that it has a place at or had last.
  [[nodiscard]] std::span<const topology::backend_id> tried() const noexcept;
  [[nodiscard]] const lease& backend() noexcept;

  // Once bytes are to flow. The views are valid as long as the machine.
  [[nodiscard]] lease take_backend() noexcept { return std::move(data_.backend); }
  [[nodiscard]] byte_span to_backend() const noexcept;
  [[nodiscard]] byte_span to_client() const noexcept { return data_.answer; }
  // The bytes are PostgreSQL's messages in the clear.
  [[nodiscard]] bool is_readable() const noexcept { return !data_.is_encrypted; }
  [[nodiscard]] watched watch(byte_span bytes);
  [[nodiscard]] const std::optional<pgwire::cancel_key>& key() const noexcept {
    return data_.watch.backend_key();
  }

  [[nodiscard]] login_stage stage() const noexcept;
  [[nodiscard]] const ending& end() const noexcept { return data_.end; }
  // As the client's StartupMessage has them; empty before, and if it is encrypted.
  [[nodiscard]] const std::string& user() const noexcept { return data_.user; }
  [[nodiscard]] const std::string& database() const noexcept { return data_.database; }
  [[nodiscard]] const std::string& application_name() const noexcept { return data_.application_name; }

  // Its states, and what they have in common. For its own use.
  struct reading {
    std::optional<attempt> kept;  // has declined encryption, and waits for the next packet
  };
  struct refusing {  // until the client can read why
    ending why;
    permit refusal{};           // among the refused
    bool is_reply_due = false;  // to a request for encryption
  };
  struct replying {  // to a request for encryption, as the backend has
    attempt backend;
  };
  struct forwarding_cancel {
    permit cancel;  // among those that are under way
  };
  struct logging_in {};
  struct over {};
  using state = std::variant<reading, refusing, reach_machine, replying, forwarding_cancel, logging_in, over>;

  struct data {
    const surroundings around;
    permit login{};  // among the pending logins
    pgwire::startup_negotiation negotiation{};
    std::vector<std::uint8_t> received{};  // from the client, not yet consumed; at most one packet and what
                                           // is behind it
    pgwire::startup_step packet{};         // the one being served; views into received
    std::vector<std::uint8_t> answer{};    // the backend's first bytes, not yet sent on
    pgwire::login_watch watch{{}};
    lease backend{};
    bool is_encrypted = false;
    time_point due = time_point::max();  // of the present state
    ending end{};
    std::string user{};
    std::string database{};
    std::string application_name{};
  };

 private:
  data data_;
  state state_;
};

}  // namespace pgsteer::login
