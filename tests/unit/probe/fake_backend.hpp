#pragma once
// A listener on a free loopback port that speaks just enough PostgreSQL for the prober's tests.
//
// Not PostgreSQL: it reads no startup parameter and no SQL. Runs on the test's own io_context.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/endpoint.hpp"

namespace pgsteer::probe {

// Type byte, Int32 length that includes itself, body  -- protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS.
[[nodiscard]] std::string wire_message(char type, const std::string& body);
[[nodiscard]] std::string error_response(const std::string& severity, const std::string& sqlstate);

class fake_backend {
 public:
  struct behaviour {
    std::string first_answer = {};       // to the first packet, then closes; empty: silence
    bool hangs_up = false;               // instead: closes before the first packet
    bool logs_in = false;                // instead: lets everybody in and answers queries
    bool has_role_changed_once = false;  // the first row is from both sides of a promotion
    std::string query_error = {};        // instead of a row
    bool ignores_queries = false;        // no answer to a query, ever
    bool is_primary = false;             // instead of a standby, in the role query's row
    bool is_promoted = false;            // says so when it is watched; the role query's row stays a standby's
    std::string watch_error = {};        // when it is watched, instead
    bool ignores_watching = false;       // no answer then
  };

  fake_backend(boost::asio::io_context& context, behaviour how);
  ~fake_backend();

  [[nodiscard]] endpoint address() const;
  void behave(behaviour how);  // from now on; open connections keep answering queries
  void say_to_all(const std::string& bytes);
  void end_all();
  [[nodiscard]] int accepted() const;
  [[nodiscard]] int logins() const;
  [[nodiscard]] int queries() const;        // role queries
  [[nodiscard]] int watched() const;        // answers to "still in recovery?"
  [[nodiscard]] int asked_in_vain() const;  // that it ignored
  [[nodiscard]] int logged_in() const;      // connections open now that were let in

 private:
  struct state;
  static boost::asio::awaitable<void> accept(std::shared_ptr<state> self);
  static boost::asio::awaitable<void> serve(std::shared_ptr<state> self,
                                            std::shared_ptr<boost::asio::ip::tcp::socket> socket);
  std::shared_ptr<state> state_;
};

}  // namespace pgsteer::probe
