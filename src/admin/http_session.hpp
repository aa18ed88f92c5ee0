#pragma once
// One HTTP connection, from accept to close: requests one after the other, pipelined or not.
//
// Not the client session of the data plane. Owned by http_server; control thread.
//
// Flow: run() once, to its end -> destructor. close() at any time makes run() return soon; after it the
// responder is not called any more.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <optional>

#include "admin/routes.hpp"
#include "pgsteer/admin/admin_server.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::admin {

// Who answers requests.
class responder {
 public:
  virtual ~responder() = default;
  [[nodiscard]] virtual boost::asio::awaitable<response> answer(request asked) = 0;
  // The connection of an answer that said "switching protocols", once it was written.
  virtual void take(net::unique_fd connected) { connected.reset(); }
};

class http_session {
 public:
  // pages outlives every call of it, that is until close() or the end of run().
  http_session(boost::asio::generic::stream_protocol::socket socket, responder& pages,
               const admin_limits& limits);

  [[nodiscard]] boost::asio::awaitable<void> run();
  void close();

 private:
  // A request, or what to refuse it with, or neither if the connection is over.
  struct received {
    std::optional<request> asked;
    std::optional<response> refusal;
  };
  [[nodiscard]] boost::asio::awaitable<received> read();
  // True if the connection may carry another request.
  [[nodiscard]] boost::asio::awaitable<bool> write(response answer, bool is_header_only);
  [[nodiscard]] boost::asio::awaitable<void> end();
  void give_away();

  boost::beast::basic_stream<boost::asio::generic::stream_protocol> stream_;
  boost::beast::flat_buffer buffer_;
  responder& pages_;
  const admin_limits limits_;
  bool is_closed_ = false;
};

}  // namespace pgsteer::admin
