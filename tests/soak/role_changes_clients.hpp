#pragma once
// Clients of the soak test role_changes: each thread logs in, looks at the verdict and leaves, all the while.
//
// Owns its threads. Flow: login_loops(...) runs at once -> stop() -> counts().
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "soak/role_changes_backend.hpp"

namespace pgsteer::soak {

struct login_counts {
  std::uint64_t completed = 0;                   // ReadyForQuery reached the client
  std::map<std::string, std::uint64_t> wrong;    // of these, by verdict
  std::map<std::string, std::uint64_t> refused;  // by SQLSTATE, or "closed"
  std::uint64_t unanswered = 0;                  // not a byte and no end in time
  std::chrono::milliseconds longest{0};

  void add(const login_counts& other);
};

class login_loops {
 public:
  // kind: read_write_login or read_only_login.
  login_loops(const endpoint& target, char kind, const judge& court, std::size_t threads);
  ~login_loops();
  login_loops(const login_loops&) = delete;
  login_loops& operator=(const login_loops&) = delete;

  void stop();
  // After stop().
  [[nodiscard]] login_counts counts() const;

 private:
  void run(login_counts& counted) const;

  const endpoint target_;
  const char kind_;
  const judge& judge_;
  std::atomic<bool> is_stopped_{false};
  std::vector<login_counts> counted_;
  std::vector<std::thread> threads_;
};

}  // namespace pgsteer::soak
