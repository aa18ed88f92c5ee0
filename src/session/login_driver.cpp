#include "session/login_driver.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "pgsteer/net/socket.hpp"
#include "session/session.hpp"

namespace pgsteer::session {
namespace {

login::login_machine make_machine(const login::surroundings& around, accepted_client& client) {
  if (auto* refused = std::get_if<login::refused>(&client.admission)) return {around, std::move(*refused)};
  return {around, std::move(std::get<login::admitted>(client.admission).login)};
}

}  // namespace

login_driver::login_driver(session& of, accepted_client client)
    : session_(of),
      machine_(make_machine(of.worker().around(of.listener(), wake_, client.accepted_at), client)),
      client_(of.worker().engine, *this),
      backend_(of.worker().engine, *this),
      deadline_(of.worker().context, [this] { go_on(login::deadline_passed{}); }) {
  client_.take(std::move(client.fd));
}

void login_driver::go_on(login::event what) {
  const std::shared_ptr<session> alive = session_.alive();
  if (!alive) return;  // it is closed, and this about to go
  maybe_event now = std::move(what);
  while (now) {
    const login::action next = machine_.resume(*now, clock::now());
    if (next.hint) session_.worker().note_hint(machine_.backend().id(), *next.hint);
    if (next.drops_backend) backend_.close();
    now = perform(next);
    if (alive->login() != this) return;  // this is gone
    if (now) continue;
    watch_client(next.watches_client);
    deadline_.set(next.deadline);
  }
}

login_driver::maybe_event login_driver::perform(const login::action& next) {
  using kind = login::action::kind;
  using doing = leg::operation::kind;
  switch (next.what) {
    case kind::wait:
      return std::nullopt;
    case kind::read_client:
      return begin(client_, {.what = doing::reading, .into = session_.worker().login_buffer(next.bytes_max)});
    case kind::write_client:
      return begin(client_, {.what = doing::writing, .bytes = next.bytes});
    case kind::look_at_client:
      return client_.look();
    case kind::choose:
      return choose();
    case kind::dial:
      return dial();
    case kind::write_backend:
      return begin(backend_, {.what = doing::writing, .bytes = next.bytes});
    case kind::read_backend:
      return begin(backend_, {.what = doing::reading,
                              .into = session_.worker().login_buffer(next.bytes_max),
                              .comes_later = next.comes_later});
    case kind::forward_cancel:
      forward_cancel(next.bytes);
      return std::nullopt;
    case kind::relay:
      session_.start_relay();
      return std::nullopt;
    case kind::end:
      if (cancel_) session_.worker().shared.cancel_counters.dropped.add(cancel_->undelivered());
      session_.fail_login(machine_.end());
      return std::nullopt;
  }
  return std::nullopt;
}

login_driver::maybe_event login_driver::begin(leg& which, const leg::operation& what) {
  const bool is_clients = &which == &client_;
  const byte_span read = what.into;
  const leg::operation::kind doing = what.what;
  const leg::outcome done = which.begin(what);
  if (done.is_under_way) return std::nullopt;
  if (done.ec) {
    const login::failure why{done.ec, net::is_local_trouble(done.ec)};
    return is_clients ? login::event(login::client_failed{why}) : login::event(login::backend_failed{why});
  }
  switch (doing) {
    case leg::operation::kind::none:
      return std::nullopt;
    case leg::operation::kind::reading:
      return is_clients ? login::event(login::client_bytes{read.first(done.n)})
                        : login::event(login::backend_bytes{read.first(done.n)});
    case leg::operation::kind::writing:
      return is_clients ? login::event(login::client_written{})  // which was one byte
                        : login::event(login::backend_written{done.n});
    case leg::operation::kind::connecting:
      return login::connected{};
    case leg::operation::kind::watching:
      return login::client_readable{};
  }
  return std::nullopt;
}

login_driver::maybe_event login_driver::choose() {
  worker_context& worker = session_.worker();
  listener_state& listener = session_.listener();
  if (!ticket_) ticket_ = listener.ticket.fetch_add(1, std::memory_order_relaxed);
  const routing::choice chosen = worker.choose(listener.index, machine_.tried(), *ticket_);
  if (chosen.backend == nullptr) return login::none_eligible{chosen.why_not};
  const topology::backend_status& backend = *chosen.backend;
  return login::picked{{backend.id, backend.address, worker.state()->topology.use_of(backend)}};
}

login_driver::maybe_event login_driver::dial() {
  const auto address = net::to_address(machine_.backend().address());
  error_code ec = address ? error_code() : address.error();
  if (!ec) ec = backend_.open(*address, session_.worker().state()->options->tcp);
  if (ec) return login::backend_failed{{ec, net::is_local_trouble(ec)}};
  return begin(backend_, {.what = leg::operation::kind::connecting});
}

void login_driver::forward_cancel(byte_span packet) {
  worker_context& worker = session_.worker();
  cancel_.emplace(worker.context, [this] { go_on(login::cancel_delivered{}); });
  cancel_->start(packet, cancel_targets(worker, packet, session_.listener()));
}

// Begun once there is something to wait for: most backends answer at once. Without a watch the client is
// merely found to have left later.
void login_driver::watch_client(bool is_wanted) {
  const bool is_watched = client_.under_way().what == leg::operation::kind::watching;
  if (is_wanted == is_watched) return;
  if (is_wanted) {
    (void)client_.begin({.what = leg::operation::kind::watching, .comes_later = true});
  } else {
    client_.cancel();
  }
}

// wake_ is called by the hold line, and by whatever worker gives back a place among the dials of a backend;
// perhaps after the end of this.
void login_driver::start() {
  wake_ = [&worker = session_.worker(), owner = std::weak_ptr(session_.alive())] {
    worker.post([owner] {
      const std::shared_ptr<session> alive = owner.lock();
      if (alive && alive->login() != nullptr) alive->login()->go_on(login::woken{});
    });
  };
  go_on(login::begun{});
}

void login_driver::on_ready(leg& which) {
  boost::asio::post(session_.worker().context, [alive = session_.alive(), &which, of = which.count()] {
    if (!alive || alive->login() == nullptr || which.count() != of) return;
    login_driver& self = *alive->login();
    if (auto answer = self.begin(which, which.under_way())) self.go_on(std::move(*answer));
  });
}

}  // namespace pgsteer::session
