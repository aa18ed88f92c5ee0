#include "soak/role_changes_backend.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <exception>
#include <utility>

#include "pgsteer/net/as_result.hpp"
#include "support/fake_connection.hpp"
#include "support/wire.hpp"

namespace pgsteer::soak {

namespace asio = boost::asio;
namespace wire = test::wire;
using tcp = asio::ip::tcp;

namespace {

using net::as_result;
constexpr std::uint32_t packet_bytes_max = 10'004;
constexpr auto frozen_look_interval = std::chrono::milliseconds{1};

// A defect of the stage ends the program.
struct no_escape {
  void operator()(std::exception_ptr escaped) const {
    if (escaped) std::rethrow_exception(escaped);
  }
};

std::string value_of(const wire::parameters& values, std::string_view name) {
  const auto found = std::ranges::find(values, name, &std::pair<std::string, std::string>::first);
  return found == values.end() ? std::string() : found->second;
}

bool is_ours(const test::role_state& role) {
  return role.system_identifier == test::role_state{}.system_identifier;
}

// A message of the extended protocol, by which the probe watches a standby: prepared once, its value in
// binary format.
std::string answer_extended(char type, bool is_in_recovery) {
  switch (type) {
    case 'P':
      return wire::typed('1', {});
    case 'B':
      return wire::typed('2', {});
    case 'D':
      return wire::row_description({"pg_is_in_recovery"});
    case 'E':
      return wire::data_row({std::string(1, is_in_recovery ? '\1' : '\0')}) +
             wire::command_complete("SELECT 1");
    default:  // Sync
      return wire::ready_for_query('I');
  }
}

bool is_same(const test::role_state& left, const test::role_state& right) {
  return left.system_identifier == right.system_identifier && left.is_in_recovery == right.is_in_recovery &&
         left.timeline == right.timeline;
}

}  // namespace

std::uint64_t judge::take_in(const test::role_state& told) {
  if (is_ours(told) && !told.is_in_recovery) proven_timeline_ = std::max(proven_timeline_, told.timeline);
  return ticks_.fetch_add(1, std::memory_order_acq_rel) + 1;
}

// One connection, of the probe or of a session; owned by its coroutine.
class scripted_backend::connection {
 public:
  connection(tcp::socket socket, scripted_backend& owner)
      : socket_(std::move(socket)), timer_(owner.context_), owner_(owner) {
    boost::system::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    owner_.open_.insert(this);
  }
  ~connection() { owner_.open_.erase(this); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  static asio::awaitable<void> serve(std::shared_ptr<connection> self);
  void close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  using step = asio::awaitable<bool>;  // false: the connection is over

  step read(std::size_t n);  // into bytes_, which then holds nothing else
  step write(std::string bytes);
  step thawed();
  step log_in();
  step answer_one();
  [[nodiscard]] const char* take_startup(const wire::parameters& values);

  tcp::socket socket_;
  asio::steady_timer timer_;
  scripted_backend& owner_;
  std::string bytes_;
  bool is_probe_ = false;
  std::optional<test::role_state> told_;  // by the last answer
};

asio::awaitable<void> scripted_backend::connection::serve(std::shared_ptr<connection> self) {
  bool goes_on = co_await self->log_in();
  while (goes_on) goes_on = co_await self->answer_one();  // tidy: allow co_await
  self->close();
}

scripted_backend::connection::step scripted_backend::connection::read(std::size_t n) {
  bytes_.assign(n, '\0');
  const auto [ec, done] = co_await asio::async_read(socket_, asio::buffer(bytes_), as_result);
  co_return !ec;
}

scripted_backend::connection::step scripted_backend::connection::write(std::string bytes) {
  const auto [ec, done] = co_await asio::async_write(socket_, asio::buffer(bytes), as_result);
  co_return !ec;
}

scripted_backend::connection::step scripted_backend::connection::thawed() {
  while (owner_.is_frozen_ && socket_.is_open()) {
    timer_.expires_after(frozen_look_interval);
    const auto [ec] = co_await timer_.async_wait(as_result);
    if (ec) co_return false;
  }
  co_return socket_.is_open();
}

scripted_backend::connection::step scripted_backend::connection::log_in() {
  bool goes_on = co_await read(4);
  if (!goes_on) co_return false;
  const std::uint32_t length = wire::read_int32(bytes_, 0);
  if (length < 8 || length > packet_bytes_max) co_return false;
  goes_on = co_await read(length - 4);
  if (!goes_on) co_return false;
  const wire::parameters values = wire::parse_parameters(std::string_view(bytes_).substr(4));
  goes_on = co_await thawed();
  if (!goes_on) co_return false;
  // No wait from here to the write: what is judged, told and true is one moment.
  is_probe_ = value_of(values, "application_name").starts_with("pgsteer");
  const char* const verdict = is_probe_ ? good_verdict : take_startup(values);
  std::string greeting =
      wire::authentication_ok() + wire::parameter_status("server_version", "15.18") +
      wire::parameter_status("client_encoding", "UTF8") +
      wire::parameter_status("standard_conforming_strings", "on") +
      wire::parameter_status("in_hot_standby", owner_.role_.is_in_recovery ? "on" : "off") +
      wire::parameter_status(verdict_parameter, verdict) + wire::backend_key_data(1, "abcd") +
      wire::ready_for_query('I');
  goes_on = co_await write(std::move(greeting));
  co_return goes_on;
}

const char* scripted_backend::connection::take_startup(const wire::parameters& values) {
  const std::string user = value_of(values, "user");
  std::uint64_t began_at = 0;
  if (user.size() > 1) std::from_chars(user.data() + 1, user.data() + user.size(), began_at);
  const char* const verdict = owner_.judge_login(user.empty() ? '?' : user.front(), began_at);
  ++owner_.judge_.startups;
  if (verdict != std::string_view(good_verdict)) ++owner_.judge_.traps;
  return verdict;
}

scripted_backend::connection::step scripted_backend::connection::answer_one() {
  bool goes_on = co_await read(5);
  if (!goes_on || bytes_.front() == 'X') co_return false;
  const char type = bytes_.front();
  const std::uint32_t length = wire::read_int32(bytes_, 1);
  if (length < 4 || length > packet_bytes_max) co_return false;
  goes_on = co_await read(length - 4);
  if (!goes_on) co_return false;
  if (told_) owner_.note_taken_in(*std::exchange(told_, std::nullopt));
  goes_on = co_await thawed();
  if (!goes_on) co_return false;
  std::string answer = wire::command_complete("SELECT 1") + wire::ready_for_query('I');
  if (is_probe_ && type != 'Q') {
    answer = answer_extended(type, owner_.role_.is_in_recovery);
  } else if (is_probe_) {
    told_ = owner_.role_;
    answer = test::role_row_description() + test::role_data_row(*told_) + answer;
  }
  goes_on = co_await write(std::move(answer));
  co_return goes_on;
}

scripted_backend::scripted_backend(asio::io_context& context, judge& court, const test::role_state& role)
    : context_(context), judge_(court), role_(role), acceptor_(context) {
  start();
}

scripted_backend::~scripted_backend() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

asio::awaitable<void> scripted_backend::accept_all(scripted_backend& self) {
  for (;;) {
    auto [ec, socket] = co_await self.acceptor_.async_accept(as_result);
    if (ec) co_return;
    // A connection that was made while the port was being closed goes with it.
    if (!self.acceptor_.is_open()) co_return;
    auto accepted = std::make_shared<connection>(std::move(socket), self);
    asio::co_spawn(self.context_, connection::serve(std::move(accepted)), no_escape{});
  }
}

void scripted_backend::start() {
  if (acceptor_.is_open()) return;
  acceptor_ = tcp::acceptor(context_, tcp::endpoint(asio::ip::address_v4::loopback(), port_), true);
  port_ = acceptor_.local_endpoint().port();
  asio::co_spawn(context_, accept_all(*this), no_escape{});
}

void scripted_backend::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  is_frozen_ = false;
  drop_all();
}

void scripted_backend::drop_all() {
  for (connection* const member : open_) member->close();
}

void scripted_backend::freeze() {
  is_frozen_ = true;
}

void scripted_backend::take_role(const test::role_state& role) {
  role_ = role;
  proven_.reset();
}

void scripted_backend::note_taken_in(const test::role_state& told) {
  const std::uint64_t tick = judge_.take_in(told);
  if (is_same(told, role_) && !proven_) proven_ = proof{tick};
}

// Of rw logins even those are judged that were dialed before pgsteer knew better: it looks again before it
// passes the login's end on. Of ro logins only those whose client came after the proof: a standby that is
// promoted keeps its sessions.
const char* scripted_backend::judge_login(char kind, std::uint64_t began_at) const {
  if (!is_ours(role_)) return proven_ ? "foreign" : good_verdict;
  if (kind == read_write_login) {
    if (role_.is_in_recovery) return "standby";
    return role_.timeline < judge_.proven_timeline() ? "fenced" : good_verdict;
  }
  return !role_.is_in_recovery && proven_ && proven_->tick <= began_at ? "primary" : good_verdict;
}

}  // namespace pgsteer::soak
