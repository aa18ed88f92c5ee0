#include "unit/probe/fake_backend.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/spawn.hpp"
#include "probe/role_query.hpp"

namespace pgsteer::probe {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::string int32(std::size_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>((value >> shift) & 0xff);
  return bytes;
}
std::string int16(std::size_t value) {
  return int32(value).substr(2);
}
std::string text(std::string value) {
  value += '\0';
  return value;
}

std::string login_answer() {
  return wire_message('R', int32(0)) + wire_message('S', text("server_version") + text("15.18")) +
         wire_message('S', text("client_encoding") + text("UTF8")) + wire_message('K', int32(1) + int32(2)) +
         wire_message('Z', "I");
}

std::string row_answer(bool is_primary, bool has_role_changed) {
  const auto none = std::nullopt;
  using columns = std::vector<std::optional<std::string>>;
  const columns primary{"f",
                        "42",
                        "1760000000000000",
                        "100",
                        "000000030000000000000001",
                        "200",
                        none,
                        none,
                        none,
                        "f",
                        none,
                        none,
                        none,
                        "3",
                        none,
                        "1",
                        "f",
                        "1",
                        "f"};
  const columns standby{"t",
                        "42",
                        "1760000000000000",
                        "100",
                        std::nullopt,
                        std::nullopt,
                        "200",
                        "100",
                        "7",
                        "t",
                        std::nullopt,
                        "3",
                        "f",
                        "3",
                        "0",
                        "1",
                        "f",
                        "1",
                        has_role_changed ? "f" : "t"};
  const columns& row = is_primary ? primary : standby;
  std::string description = int16(row.size());
  std::string data = int16(row.size());
  for (const auto& value : row) {
    description += text("c") + int32(0) + int16(0) + int32(25) + int16(0xffff) + int32(0xffffffff) + int16(0);
    data += value ? int32(value->size()) + *value : int32(0xffffffff);
  }
  return wire_message('T', description) + wire_message('D', data) + wire_message('C', text("SELECT 1")) +
         wire_message('Z', "I");
}

// What libpq sends at once to prepare, and to execute what is prepared:
// protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY.
std::string prepare_answer() {
  return wire_message('1', "") + wire_message('Z', "I");
}
std::string recovery_answer(bool is_in_recovery) {
  const std::string description =
      int16(1) + text("c") + int32(0) + int16(0) + int32(16) + int16(1) + int32(0xffffffff) + int16(1);
  return wire_message('2', "") + wire_message('T', description) +
         wire_message('D', int16(1) + int32(1) + (is_in_recovery ? '\1' : '\0')) +
         wire_message('C', text("SELECT 1")) + wire_message('Z', "I");
}

}  // namespace

std::string wire_message(char type, const std::string& body) {
  return type + int32(body.size() + 4) + body;
}

std::string error_response(const std::string& severity, const std::string& sqlstate) {
  return wire_message(
      'E', text("S" + severity) + text("V" + severity) + text("C" + sqlstate) + text("Mas told") + text(""));
}

struct fake_backend::state {
  state(asio::io_context& context_in, behaviour how_in)
      : context(context_in),
        acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        how(std::move(how_in)) {}

  asio::io_context& context;
  tcp::acceptor acceptor;
  behaviour how;
  std::vector<std::shared_ptr<tcp::socket>> sockets;
  int accepted = 0;
  int logins = 0;
  int queries = 0;
  int watched = 0;
  int asked_in_vain = 0;
  int logged_in = 0;

  std::string answer_to(char first_byte, bool& is_logged_in) {
    if (!is_logged_in) {
      if (!how.logs_in) return how.first_answer;
      is_logged_in = true;
      ++logins;
      ++logged_in;
      return login_answer();
    }
    if (first_byte == 'P' || first_byte == 'B') return answer_to_watching(first_byte == 'P');
    if (first_byte != 'Q') return {};
    ++queries;
    if (how.ignores_queries) return {};
    const bool has_changed = std::exchange(how.has_role_changed_once, false);
    return how.query_error.empty() ? row_answer(how.is_primary, has_changed)
                                   : how.query_error + wire_message('Z', "I");
  }

  std::string answer_to_watching(bool is_preparation) {
    asked_in_vain += how.ignores_watching || how.ignores_queries;
    if (how.ignores_watching || how.ignores_queries) return {};
    if (!how.watch_error.empty()) return how.watch_error + wire_message('Z', "I");
    if (is_preparation) return prepare_answer();
    ++watched;
    return recovery_answer(!how.is_promoted);
  }
};

fake_backend::fake_backend(asio::io_context& context, behaviour how)
    : state_(std::make_shared<state>(context, std::move(how))) {
  net::spawn(context, accept(state_), "fake backend");
}

fake_backend::~fake_backend() {
  state_->acceptor.close();
  end_all();
}

endpoint fake_backend::address() const {
  return {"127.0.0.1", state_->acceptor.local_endpoint().port()};
}
void fake_backend::behave(behaviour how) {
  state_->how = std::move(how);
}
int fake_backend::accepted() const {
  return state_->accepted;
}
int fake_backend::logins() const {
  return state_->logins;
}
int fake_backend::queries() const {
  return state_->queries;
}
int fake_backend::watched() const {
  return state_->watched;
}
int fake_backend::asked_in_vain() const {
  return state_->asked_in_vain;
}
int fake_backend::logged_in() const {
  return state_->logged_in;
}

void fake_backend::say_to_all(const std::string& bytes) {
  boost::system::error_code ignored;  // the other side may be gone
  for (const auto& socket : state_->sockets) asio::write(*socket, asio::buffer(bytes), ignored);
}

void fake_backend::end_all() {
  boost::system::error_code ignored;  // the other side may be gone
  for (const auto& socket : state_->sockets) socket->close(ignored);
  state_->sockets.clear();
}

asio::awaitable<void> fake_backend::accept(std::shared_ptr<state> self) {
  while (true) {
    auto socket = std::make_shared<tcp::socket>(self->context);
    const auto [ec] = co_await self->acceptor.async_accept(*socket, net::as_result);
    if (ec) co_return;
    ++self->accepted;
    if (self->how.hangs_up) continue;
    self->sockets.push_back(socket);
    net::spawn(self->context, serve(self, socket), "fake backend connection");
  }
}

asio::awaitable<void> fake_backend::serve(std::shared_ptr<state> self, std::shared_ptr<tcp::socket> socket) {
  std::string buffer(4096, char{});  // every packet of the probe arrives whole on loopback
  bool is_logged_in = false;
  while (true) {
    const auto [ec, n] = co_await socket->async_read_some(asio::buffer(buffer), net::as_result);
    if (ec && is_logged_in) --self->logged_in;
    if (ec) co_return;
    const std::string answer = self->answer_to(buffer[0], is_logged_in);
    const auto [write_error, written] =
        co_await asio::async_write(*socket, asio::buffer(answer), net::as_result);
    if (write_error) co_return;
    if (is_logged_in || answer.empty()) continue;
    boost::system::error_code ignored;  // it may have been closed by end_all()
    socket->close(ignored);
    co_return;
  }
}

}  // namespace pgsteer::probe
