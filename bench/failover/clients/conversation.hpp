#pragma once
// One PostgreSQL session from the client's side: log in, then one statement at a time. What to send for what
// came.
//
// Pure: no socket, no clock. Not a driver: text results of one row, no TLS. Not thread-safe.
//
// Flow: start() -> feed() until phase() is idle -> ask() -> feed() until idle, and so on; has_failed() ends
// it. The phase stays where a failure found it: that is what the bench reports.
#include <memory>
#include <string>
#include <string_view>

#include "clients/scram.hpp"

namespace pgsteer::bench {

enum class phase {
  connecting,     // TCP
  startup,        // the startup packet is sent, nothing has come back
  scram_first,    // the client's first SCRAM message is sent
  scram_final,    // its proof is sent
  session_start,  // authenticated, not yet ready for a query
  idle,
  query
};

[[nodiscard]] const char* to_string(phase value);

struct account {
  std::string user;
  std::string database;
};

struct failure {
  std::string sqlstate;  // empty: no word from PostgreSQL
  std::string text;
};

class conversation {
 public:
  // keys outlives the conversation.
  explicit conversation(scram_key_cache& keys) : keys_(keys) {}

  // Each returns the bytes to send.
  [[nodiscard]] std::string start(const account& who);
  [[nodiscard]] std::string feed(std::string_view bytes);
  [[nodiscard]] std::string ask(std::string_view statement);

  // The connection ended or could not be made. Keeps an earlier reason.
  void fail(std::string text);

  [[nodiscard]] phase where() const { return phase_; }
  [[nodiscard]] bool has_failed() const { return has_failed_; }
  // Of the last statement if it was refused and the session goes on; of the session if it has failed.
  [[nodiscard]] const failure& reason() const { return reason_; }
  // The first column of the last statement's row.
  [[nodiscard]] const std::string& answer() const { return answer_; }

 private:
  std::string on_message(char type, std::string_view body);
  std::string on_authentication(std::string_view body);
  void on_error(std::string_view body);

  scram_key_cache& keys_;
  std::unique_ptr<scram_conversation> scram_;
  std::string unread_;
  phase phase_ = phase::connecting;
  bool has_failed_ = false;
  failure reason_;
  std::string answer_;
};

}  // namespace pgsteer::bench
