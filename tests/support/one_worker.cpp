#include "support/one_worker.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <utility>

#include "support/data_plane.hpp"
#include "support/eventually.hpp"

namespace pgsteer::test {
namespace {

runtime::state_ptr unhurried_state(routing::target_session_attrs route) {
  runtime::options options;
  options.listeners.emplace_back().policy.route = route;
  options.listeners.back().hold_timeout = beyond_patience;
  options.login.startup_timeout = options.login.connect_timeout = options.login.login_timeout =
      beyond_patience;
  runtime::state first;
  first.options = std::make_shared<const runtime::options>(std::move(options));
  return std::make_shared<const runtime::state>(std::move(first));
}

topology::backend_status answering_backend() {
  topology::backend_status status;
  status.id = {1};
  status.is_answering = true;
  return status;
}

}  // namespace

topology::backend_status proven_primary() {
  topology::backend_status status = answering_backend();
  status.role = topology::role::primary;
  status.is_rw_eligible = true;
  return status;
}

topology::backend_status proven_standby() {
  topology::backend_status status = answering_backend();
  status.role = topology::role::standby;
  status.is_ro_eligible = true;
  status.sessions = topology::session_verdict::close_read_write;
  return status;
}

one_worker::one_worker(routing::target_session_attrs route, const engine_wrap& wrap) {
  net::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  listening_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto size = static_cast<socklen_t>(any.capacity());
  EXPECT_EQ(::bind(listening_.value(), any.data(), static_cast<socklen_t>(any.size())), 0);
  EXPECT_EQ(::getsockname(listening_.value(), any.data(), &size), 0);
  EXPECT_EQ(::listen(listening_.value(), 16), 0);
  address_ = net::to_endpoint(any);
  relay::relay_options options;
  options.engine = tested_engine();
  loop_ = std::move(relay::loop::make(context_, options, relay_counters_).value());
  relay::engine& engine = wrap ? wrap(loop_->engine()) : loop_->engine();
  worker_.emplace(
      context_, engine, [this] { loop_->wake(); }, parts_.shared, unhurried_state(route));
  thread_ = std::thread([this] { loop_->run(); });
}

one_worker::~one_worker() {
  drain();
  EXPECT_TRUE(eventually(patience, [this] { return session_count() == 0; }));
  worker_->post([this] { loop_->stop(); });
  thread_.join();
}

void one_worker::on_worker(const std::function<void()>& action) {
  std::promise<void> done;
  worker_->post([&] {
    action();
    done.set_value();
  });
  done.get_future().wait();
}

void one_worker::publish(const std::function<void(runtime::state&)>& change) {
  on_worker([&] {
    runtime::state next = *worker_->state();
    change(next);
    worker_->publish(std::make_shared<const runtime::state>(std::move(next)));
  });
}

void one_worker::publish_options(const std::function<void(runtime::options&)>& change) {
  publish([&](runtime::state& next) {
    runtime::options options = *next.options;
    change(options);
    next.options = std::make_shared<const runtime::options>(std::move(options));
  });
}

void one_worker::publish_route(routing::target_session_attrs route) {
  publish_options([route](runtime::options& options) { options.listeners.front().policy.route = route; });
}

void one_worker::publish_backend(const fake_postgres& backend, topology::backend_status status) {
  publish([&](runtime::state& next) {
    auto snapshot = std::make_shared<topology::topology_snapshot>();
    snapshot->generation = next.topology.snapshot->generation + 1;
    status.address = backend.address();
    if (status.is_rw_eligible) {
      snapshot->primary = status.id;
      snapshot->rw_valid_until = time_point::max();
    }
    snapshot->backends.push_back(status);
    next.topology = {snapshot, {use_}};
  });
}

void one_worker::drain() {
  publish([](runtime::state& next) { next.orders.drain = runtime::drain_step::ending; });
}

fake_client one_worker::connect(std::string_view bytes, std::optional<int> receive_buffer_bytes) {
  fake_client client(address_, receive_buffer_bytes);
  client.send(bytes);
  session::accepted_client accepted;
  net::tcp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  accepted.fd.reset(::accept4(listening_.value(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  peer.resize(size);
  accepted.address = peer;
  accepted.admission = std::get<login::admitted>(login::admit(parts_.permits, {}));
  accepted.accepted_at = clock::now();
  accepted.id = parts_.ids.draw();
  on_worker([&] { session::start_session(*worker_, listener_, std::move(accepted)); });
  return client;
}

}  // namespace pgsteer::test
