#pragma once
// reach_machine: finds a backend for one packet of a client: route, hold, dial, ask; and again until a
// backend answers or the login has waited long enough. This is where a login is retried.
//
// Pure in the same sense as login_machine, whose part it is, and which says how events and actions follow one
// another. One worker's thread.
//
// Flow: begin() -> resume() for every event -> in the end reached or ending instead of an action.
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/login/action.hpp"
#include "pgsteer/login/event.hpp"
#include "pgsteer/login/retry_rules.hpp"
#include "pgsteer/login/surroundings.hpp"

namespace pgsteer::login {

// What is asked of a backend as the first thing, and so what its first answer looks like.
enum class question {
  ssl,         // SSLRequest: 'S' or 'N'
  gssenc,      // GSSENCRequest: 'G' or 'N'
  startup,     // StartupMessage: a message
  direct_tls,  // ClientHello: the answer is the client's business
};

[[nodiscard]] constexpr bool asks_for_encryption(question what) noexcept {
  return what == question::ssl || what == question::gssenc;
}

// A backend that this login has a place at, and a connection to, or will have.
struct attempt {
  lease place;
  bool is_slow = false;  // dialing, asked and not answered within connect_timeout, or asked again after an
                         // earlier answer
};

// The backend has been asked and has answered; its first bytes, for the client, in answer.
struct reached {
  attempt backend;
  std::vector<std::uint8_t> answer;
};

// What to do next, or the end of it.
using reach_step = std::variant<action, reached, ending>;

class reach_machine {
 public:
  struct request {
    question what = question::startup;
    byte_span packet{};             // lives as long as the machine
    bool has_sent_more = false;     // the client has sent something behind the packet already
    std::optional<attempt> kept{};  // answered an earlier packet of this client, and is connected
  };
  reach_machine(const surroundings& around, request asked) noexcept;

  [[nodiscard]] reach_step begin(time_point now);
  [[nodiscard]] reach_step resume(const event& what, time_point now);

  // Since nobody was eligible, and until a backend has answered: as pgsteer_logins_held counts.
  [[nodiscard]] bool is_held() const noexcept { return data_.hold.has_value(); }
  [[nodiscard]] question asked() const noexcept { return data_.asked.what; }
  [[nodiscard]] std::span<const topology::backend_id> tried() const noexcept { return data_.rules.tried(); }
  [[nodiscard]] lease& backend() noexcept { return data_.backend.place; }

  // Its states, and what they have in common. For its own use.
  struct choosing {
    permit_queue::place dial;  // from an earlier choice: granted, or waited for
  };
  struct queueing {  // for a dial, or for room
    permit_queue::place dial;
  };
  struct entering_hold {  // once the client is known to be there still
    routing::no_backend why;
  };
  struct held {
    hold_line::place place;
  };
  struct leaving_hold {  // once the client is known to be there still
    bool is_woken;
  };
  struct dialing {
    permit_queue::place dial;
  };
  struct asking {
    permit_queue::place dial;
    std::size_t sent = 0;
  };
  struct pausing {};  // for trouble of this host
  using state = std::variant<choosing, queueing, entering_hold, held, leaving_hold, dialing, asking, pausing>;

  // A held login's place among the held, of the process and of its listener.
  class hold_count {
   public:
    hold_count(permit of_process, metrics::counter& of_listener, time_point now) noexcept
        : of_process_(std::move(of_process)), of_listener_(of_listener), begun_at_(now) {
      of_listener_.add();
    }
    ~hold_count() { of_listener_.subtract(); }
    hold_count(const hold_count&) = delete;
    hold_count& operator=(const hold_count&) = delete;
    [[nodiscard]] time_point begun_at() const noexcept { return begun_at_; }

   private:
    permit of_process_;
    metrics::counter& of_listener_;
    time_point begun_at_;
  };

  // How slow an answer is: within slow_after, within connect_timeout, slower.
  enum class slowness { prompt, slow, late };

  struct data {
    surroundings around;
    request asked;
    retry_rules rules;
    attempt backend;
    std::vector<std::uint8_t> answer;    // the backend's first bytes
    std::vector<std::uint8_t> refusal;   // a backend's own 53300, for the client if nothing better comes
    std::optional<hold_count> hold;      // from the first time that nobody was eligible until it is answered
    std::string local_trouble;           // the latest, in words
    time_point due = time_point::max();  // of the present state
    bool needs_room = false;             // at the backend: it was held until there was one
    bool has_insisted = false;           // on going without room, and waits for a permit now
    bool is_client_watched = false;
    time_point look_again_at = time_point::max();
    time_point asked_at{};
    slowness so_far = slowness::prompt;
  };

 private:
  [[nodiscard]] reach_step finish(reach_step step);

  data data_;
  state state_;
};

}  // namespace pgsteer::login
