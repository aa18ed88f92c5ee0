#pragma once
// What a login wants done next, and how it ended. Values; any thread.
//
// An action that asks for something is answered by one event; until then others may come (see event.hpp), and
// an action for these either goes on waiting for that answer (wait) or takes its place.
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/login/close_reason.hpp"
#include "pgsteer/topology/hint.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::login {

struct action {
  enum class kind {
    wait,            // for what was asked for before, if anything was, and for what comes by itself
    read_client,     // -> client_bytes, client_failed
    write_client,    // -> client_written, client_failed
    look_at_client,  // -> client_seen, at once
    choose,          // -> picked, none_eligible, at once; not from tried()
    dial,            // backend() -> connected, backend_failed
    write_backend,   // -> backend_written: of some of them; backend_failed
    read_backend,    // -> backend_bytes, backend_failed
    forward_cancel,  // -> cancel_delivered
    relay,           // take_backend(), to_backend(), to_client(): bytes flow; those of the backend are shown
                     // to watch() until it has seen enough
    end,             // login_machine::end() says how
  };

  kind what = kind::wait;
  byte_span bytes{};          // write_client, write_backend, forward_cancel; valid until the answer
  std::size_t bytes_max = 0;  // read_client, read_backend
  bool comes_later = false;   // read_backend: it cannot be there yet, so waiting comes first
  time_point deadline = time_point::max();  // deadline_passed is due then
  bool watches_client = false;              // client_readable is wanted
  bool drops_backend = false;               // before anything else: close the connection to it
  std::optional<topology::hint> hint{};     // before anything else: what the prober is told of backend()
};

struct ending {
  close_reason reason = close_reason::client_left_early;
  std::string detail{};               // for the log, and for the client instead of the reason's own message
  std::string_view sqlstate{};        // for the client instead of the reason's own; static storage
  bool is_untold = false;             // the client cannot read a message now, or is not to be told
  std::vector<std::uint8_t> words{};  // a backend's own refusal, which says it better; whole message
};

}  // namespace pgsteer::login
