#pragma once
// New logins at a fixed rate, whatever becomes of those before (open loop), or many at one moment.
//
// One thread and one epoll set. Each login is one line: when it began, when it was logged in, when it ended,
// and the phase and reason if it failed. With a table each login also writes one value.
//
// Flow: login_storm(options).run() returns the exit code when all logins have ended.
#include <unordered_map>

#include "clients/options.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::bench {

class login_storm {
 public:
  explicit login_storm(const client_options& options);
  [[nodiscard]] int run();

 private:
  struct login {
    net::unique_fd socket;
    conversation talk;
    double began = 0;
    double logged_in = 0;
    std::uint64_t value = 0;
    bool is_connected = false;
  };

  [[nodiscard]] bool has_more_to_begin() const;
  void begin_due(double now);
  void begin();
  void wait(double until);
  void on_event(login& one);
  void read(login& one);
  void send(login& one, const std::string& bytes);
  void advance(login& one);
  void finish(login& one);
  void give_up_older_than(double began, const char* why);

  const client_options& options_;
  scram_key_cache keys_;
  net::unique_fd epoll_;
  std::unordered_map<int, login> open_;
  double started_ = 0;
  std::uint64_t begun_ = 0;
};

}  // namespace pgsteer::bench
