#pragma once
// RAII wrapper of PGconn: the only place that knows libpq.
//
// Never waits: it says what it wants to wait for, and role_connection does. Not thread-safe; control thread.
//
// Flow: pg_connection(parameters) -> wait for socket() to be writable -> poll() until done or failed (the
// socket may be another one after each poll) -> send() -> flush() until done -> consume() whenever readable
// -> take_answer() once it yields one.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probe/failure.hpp"

struct pg_conn;
struct pg_result;

namespace pgsteer::probe {

// libpq's keyword and value, libpq-connect.html#LIBPQ-PARAMKEYWORDS.
struct parameter {
  const char* keyword;
  std::string value;
};

enum class login_progress { wants_read, wants_write, done, failed };

// What the server answered to one query.
struct query_answer {
  std::vector<std::optional<std::string>> row;  // the only one; empty on failure, and of a prepared statement
  std::string sqlstate;                         // empty on success, and if the connection ended
  std::string message;                          // one line
};

class pg_connection {
 public:
  // Starts to connect. Blocks for nothing but libpq's own small files (passfile, certificates).
  explicit pg_connection(std::span<const parameter> parameters);
  ~pg_connection();
  pg_connection(const pg_connection&) = delete;
  pg_connection& operator=(const pg_connection&) = delete;

  [[nodiscard]] int socket() const noexcept;  // -1: none
  [[nodiscard]] login_progress poll();
  // After failed. Its message views into this object.
  [[nodiscard]] login_facts facts() const noexcept;
  [[nodiscard]] int server_version() const noexcept;
  [[nodiscard]] int backend_pid() const noexcept;

  // False: the connection ended; see trouble().
  [[nodiscard]] bool send(const char* sql);
  // The same for a statement without parameters that the server keeps under this name, and its execution:
  // values come in binary format. libpq-async.html#LIBPQ-PQSENDPREPARE
  [[nodiscard]] bool send_prepare(const char* name, const char* sql);
  [[nodiscard]] bool send_prepared(const char* name);
  [[nodiscard]] bool flush(bool& is_done);
  // Reads what has arrived. False: the connection ended; answers read before that can still be taken.
  [[nodiscard]] bool consume();
  // The answer, once all of it is here; empty while more must be read.
  [[nodiscard]] std::optional<query_answer> take_answer();
  // Between queries: handles what the server said unasked. False: it said goodbye (SQLSTATE class 57P).
  [[nodiscard]] bool take_notices();
  // Why the connection ended: the server's last words, else libpq's; one line.
  [[nodiscard]] std::string trouble() const;

 private:
  struct notice {
    std::string sqlstate;
    std::string message;
  };
  static void keep_notice(void* self, const pg_result* result);
  static notice error_of(const pg_result* result);
  void observe();
  void add_result(pg_result* result);

  std::unique_ptr<pg_conn, void (*)(pg_conn*)> connection_;
  login_facts facts_;
  query_answer partial_;
  notice last_words_;  // of a FATAL that no query asked for
};

}  // namespace pgsteer::probe
