#include "support/fake_postgres.hpp"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "pgsteer/net/as_result.hpp"
#include "support/fake_connection.hpp"

namespace pgsteer::test {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

// A defect of the fake ends the test program.
struct no_escape {
  void operator()(std::exception_ptr escaped) const {
    if (escaped) std::rethrow_exception(escaped);
  }
};

asio::awaitable<void> accept_all(std::shared_ptr<tcp::acceptor> acceptor, fake_shared& shared) {
  for (;;) {
    auto [ec, socket] = co_await acceptor->async_accept(net::as_result);
    // A connection accepted in the same turn in which the port was closed goes with it.
    if (ec || !acceptor->is_open()) co_return;
    auto connection = std::make_shared<fake_connection>(std::move(socket), shared);
    asio::co_spawn(acceptor->get_executor(), connection->serve(), no_escape{});
  }
}

}  // namespace

class fake_postgres::implementation {
 public:
  implementation(std::string name, role_state role) {
    shared_.name = std::move(name);
    shared_.state.settings.role = role;
    listen(0);
    const tcp::endpoint own = acceptor_->local_endpoint();
    address_ = {"127.0.0.1", own.port()};
    keeper_.open(own.protocol());
    keeper_.set_option(reuse_port(true));
    keeper_.bind(own);
    thread_ = std::thread([this] { context_.run(); });
  }

  ~implementation() {
    thaw();
    on_thread([this] {
      close_acceptor();
      close_all(false);
    });
    work_.reset();
    thread_.join();
  }

  void listen(std::uint16_t port) {
    const tcp::endpoint own(asio::ip::address_v4::loopback(), port);
    acceptor_ = std::make_shared<tcp::acceptor>(context_, own.protocol());
    acceptor_->set_option(tcp::acceptor::reuse_address(true));
    acceptor_->set_option(reuse_port(true));
    acceptor_->bind(own);
    acceptor_->listen();
    asio::co_spawn(context_, accept_all(acceptor_, shared_), no_escape{});
  }

  void close_acceptor() {
    boost::system::error_code ignored;
    acceptor_->close(ignored);
  }

  void close_all(bool with_reset) {
    for (fake_connection* connection : shared_.open) connection->close(with_reset);
  }

  // Runs the task on the fake's thread and waits for its end.
  void on_thread(std::function<void()> task) {
    std::packaged_task<void()> packaged(std::move(task));
    auto done = packaged.get_future();
    asio::post(context_, [&packaged] { packaged(); });
    done.wait();
  }

  void freeze() {
    {
      const std::scoped_lock lock(frozen_mutex_);
      is_frozen_ = true;
    }
    std::promise<void> standing_still;
    auto reached = standing_still.get_future();
    asio::post(context_, [this, &standing_still] {
      std::unique_lock lock(frozen_mutex_);
      standing_still.set_value();
      thawed_.wait(lock, [this] { return !is_frozen_; });
    });
    reached.wait();
  }

  void thaw() {
    {
      const std::scoped_lock lock(frozen_mutex_);
      is_frozen_ = false;
    }
    thawed_.notify_all();
  }

  fake_shared shared_;
  endpoint address_;

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::shared_ptr<tcp::acceptor> acceptor_;  // the context's thread only, once that runs
  // Never listens: keeps the port from others while the acceptor is closed, and dials there are refused.
  tcp::acceptor keeper_{context_};
  std::mutex frozen_mutex_;
  std::condition_variable thawed_;
  bool is_frozen_ = false;
  std::thread thread_;
};

fake_postgres::fake_postgres(std::string name, role_state role)
    : implementation_(std::make_unique<implementation>(std::move(name), role)) {}
fake_postgres::~fake_postgres() = default;

const std::string& fake_postgres::name() const {
  return implementation_->shared_.name;
}
endpoint fake_postgres::address() const {
  return implementation_->address_;
}

fake_counters fake_postgres::counters() const {
  const std::scoped_lock lock(implementation_->shared_.state.mutex);
  return implementation_->shared_.state.counters;
}

void fake_postgres::change(const std::function<void(fake_settings&)>& edit) {
  const std::scoped_lock lock(implementation_->shared_.state.mutex);
  edit(implementation_->shared_.state.settings);
}

void fake_postgres::promote(std::uint32_t timeline) {
  change([timeline](fake_settings& settings) {
    settings.role.is_in_recovery = false;
    settings.role.timeline = timeline;
    settings.role.write_lsn = settings.role.replay_lsn + 0x100;
  });
}

void fake_postgres::demote(std::uint32_t timeline) {
  change([timeline](fake_settings& settings) {
    settings.role.is_in_recovery = true;
    settings.role.timeline = timeline;
    settings.role.receive_lsn = settings.role.replay_lsn = settings.role.write_lsn + 0x200;
  });
}

void fake_postgres::fail_logins(int count, std::string sqlstate, std::string message) {
  const login_script script{login_behaviour::error, std::move(sqlstate), std::move(message)};
  change([count, &script](fake_settings& settings) {
    settings.session_logins.next.insert(settings.session_logins.next.end(), static_cast<std::size_t>(count),
                                        script);
  });
}

void fake_postgres::set_session_logins(login_script script) {
  change([&script](fake_settings& settings) { settings.session_logins.otherwise = script; });
}

void fake_postgres::accept_logins() {
  change([](fake_settings& settings) {
    settings.session_logins = {};
    settings.probe_logins = {};
  });
}

void fake_postgres::kill_all_connections(bool with_reset) {
  implementation_->on_thread([this, with_reset] { implementation_->close_all(with_reset); });
}

void fake_postgres::stop_listening() {
  implementation_->on_thread([this] { implementation_->close_acceptor(); });
}

void fake_postgres::listen_again() {
  implementation_->on_thread([this] { implementation_->listen(implementation_->address_.port); });
}

void fake_postgres::crash() {
  stop_listening();
  kill_all_connections(false);
}

void fake_postgres::freeze() {
  implementation_->freeze();
}
void fake_postgres::thaw() {
  implementation_->thaw();
}

role_state primary_role(std::uint32_t timeline) {
  role_state role;
  role.timeline = timeline;
  return role;
}

role_state standby_role(std::uint32_t timeline) {
  role_state role = primary_role(timeline);
  role.is_in_recovery = true;
  return role;
}

}  // namespace pgsteer::test
