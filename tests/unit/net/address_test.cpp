// Addresses as endpoints, and endpoints as addresses: TCP, Unix sockets, clients without a name.
#include "pgsteer/net/address.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>

#include "pgsteer/net/errc.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net {
namespace {

TEST(Address, IsReadAndWrittenAlike) {
  for (const endpoint& each : {endpoint{"10.0.0.1", 5432}, endpoint{"::1", 5432},
                               endpoint{"/run/postgresql", 5433}, endpoint{"@pgsteer", 5432}}) {
    const auto read = to_address(each);
    ASSERT_TRUE(read) << to_string(each);
    EXPECT_EQ(to_endpoint(*read), each);
    EXPECT_EQ(is_unix(*read), is_unix_socket(each));
  }
}

TEST(Address, OfAUnixSocketHasPostgresqlsName) {
  const auto read = to_address({"/run/postgresql", 5433});
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, address(boost::asio::local::stream_protocol::endpoint("/run/postgresql/.s.PGSQL.5433")));
}

TEST(Address, OfAnotherNameIsItsWholePath) {
  for (const char* path : {"/run/other.sock", "/run/.s.PGSQL.", "/run/.s.PGSQL.54x", "/run/.s.PGSQL.65536"}) {
    const endpoint seen = to_endpoint(address(boost::asio::local::stream_protocol::endpoint(path)));
    EXPECT_EQ(seen, (endpoint{path, 0}));
  }
}

TEST(Address, ThatIsTooLongIsRefused) {
  const std::string folder =
      "/" + std::string(unix_socket_path_max - std::string("//.s.PGSQL.5432").size(), 'x');
  EXPECT_TRUE(to_address({folder, 5432}));
  EXPECT_EQ(to_address({folder, 54321}).error(), boost::system::errc::filename_too_long);
  EXPECT_EQ(to_address({"pg-1.example", 5432}).error(), make_error_code(errc::not_numeric));
}

TEST(Address, OfAClientWithoutANameIsLocal) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const unique_fd one(pair[0]);
  const unique_fd other(pair[1]);
  const auto seen = local_address(one.value());
  ASSERT_TRUE(seen);
  const tcp::endpoint client = to_client(*seen);
  EXPECT_EQ(to_string(client_endpoint(client)), "[local]");
  EXPECT_EQ(to_client(client_endpoint(client)).value(), client);
  EXPECT_EQ(to_string(to_endpoint(*seen)), "[local]");
}

TEST(Address, OfAClientIsTheSameInWords) {
  const endpoint there{"10.0.0.9", 41234};
  EXPECT_EQ(client_endpoint(to_client(there).value()), there);
  EXPECT_EQ(client_endpoint(to_client(to_address(there).value())), there);
}

}  // namespace
}  // namespace pgsteer::net
