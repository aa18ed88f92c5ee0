#pragma once
// fake_postgres: a scriptable stand-in for one PostgreSQL server on 127.0.0.1, on a port of its own.
//
// Not PostgreSQL: no SQL, no storage, no replication; its role is what the test says. Owns its thread; every
// public function may be called from any thread.
//
// Flow: fake_postgres(name, role) listens at once -> change what it says -> counters() -> destructor.
#include <functional>
#include <memory>
#include <string>

#include "pgsteer/base/endpoint.hpp"
#include "support/fake_settings.hpp"

namespace pgsteer::test {

class fake_postgres {
 public:
  fake_postgres(std::string name, role_state role);
  ~fake_postgres();
  fake_postgres(const fake_postgres&) = delete;
  fake_postgres& operator=(const fake_postgres&) = delete;

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] endpoint address() const;
  [[nodiscard]] fake_counters counters() const;

  // Changes anything it says, from the next answer on.
  void change(const std::function<void(fake_settings&)>& edit);
  void promote(std::uint32_t timeline);  // its sessions live on, as PostgreSQL's do
  void demote(std::uint32_t timeline);   // unlike PostgreSQL it does not restart: its sessions live on
  // The next session logins get this FATAL error; then they are accepted again.
  void fail_logins(int count, std::string sqlstate, std::string message = "scripted failure");
  // Every session login, until accept_logins().
  void set_session_logins(login_script script);
  void accept_logins();

  // As the kernel does for a killed process: FIN (or RST) on every connection, the probe's included.
  void kill_all_connections(bool with_reset);
  void stop_listening();  // dials are refused; connections live on
  void listen_again();    // on the same port
  void crash();           // stop_listening() and kill_all_connections(false)
  // SIGSTOP: the kernel still completes handshakes, nobody answers. Only counters(), change() and thaw() may
  // be called while frozen.
  void freeze();
  void thaw();

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

[[nodiscard]] role_state primary_role(std::uint32_t timeline = 1);
[[nodiscard]] role_state standby_role(std::uint32_t timeline = 1);

}  // namespace pgsteer::test
