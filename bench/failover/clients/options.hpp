#pragma once
// The program's arguments as values. Filled once in main, read everywhere.
#include <atomic>
#include <cstdint>
#include <string>

#include "clients/conversation.hpp"

namespace pgsteer::bench {

struct client_options {
  std::string ip;
  std::uint16_t port = 0;
  account who;
  std::string password;
  // Each login or write inserts a value of its own here, counted up from first_value; empty: logins only.
  std::string table;
  std::uint64_t first_value = 1;
  double rate = 50;         // logins a second, begun on time whatever happened to those before
  std::uint64_t count = 0;  // of logins; 0: until stopped
  bool is_at_once = false;  // all count logins in one go
  unsigned sessions = 2;    // of writers
  double interval_seconds = 0.005;
  double patience_seconds = 30;  // of one login; above pgsteer's hold_timeout
  double drain_seconds = 3;      // for logins on their way when the program is told to stop
};

// Set by SIGTERM and SIGINT.
extern std::atomic<bool> is_stopping;

// The statement that leaves a trace in the table and tells who answered.
[[nodiscard]] std::string write_statement(const client_options& options, std::uint64_t value);

}  // namespace pgsteer::bench
