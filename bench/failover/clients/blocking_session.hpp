#pragma once
// A conversation on a blocking socket, for threads that do one thing at a time.
//
// Owns its socket. Not thread-safe. Gives up when the program is told to stop.
//
// Flow: open() -> ask() as often as wanted; either is false when the session has failed: see talk().reason().
#include "clients/options.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::bench {

class blocking_session {
 public:
  blocking_session(const client_options& options, scram_key_cache& keys);

  [[nodiscard]] bool open();
  [[nodiscard]] bool ask(const std::string& statement);
  [[nodiscard]] const conversation& talk() const { return talk_; }

 private:
  [[nodiscard]] bool connect();
  [[nodiscard]] bool exchange(std::string to_send);

  const client_options& options_;
  net::unique_fd socket_;
  conversation talk_;
};

}  // namespace pgsteer::bench
