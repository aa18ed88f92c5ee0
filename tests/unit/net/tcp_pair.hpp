#pragma once
// tcp_pair: two sockets that are connected over loopback TCP.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net::testing {

struct tcp_pair {
  using tcp = boost::asio::ip::tcp;
  boost::asio::io_context context;
  tcp::socket near{context};
  tcp::socket far{context};
  tcp_pair() {
    tcp::acceptor acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    near.connect(acceptor.local_endpoint());
    acceptor.accept(far);
  }
  unique_fd take_near() { return unique_fd(near.release()); }
};

}  // namespace pgsteer::net::testing
