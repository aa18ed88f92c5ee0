#include "server/listener_set.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "pgsteer/base/log.hpp"
#include "server/errc.hpp"

namespace pgsteer::server {
namespace {

// How often it is looked whether a removed listener's last session is over.
constexpr auto removed_interval = seconds{1};

void tell(std::string_view event, const std::string& name, const endpoint& address) {
  const std::string text = to_string(address);
  log(log_level::info, event, {{"listener", std::string_view(name)}, {"address", std::string_view(text)}});
}

}  // namespace

listener_set::listener_set(boost::asio::io_context& control, const runtime::publication& publication,
                           const std::vector<std::unique_ptr<worker>>& workers, login::permit_pools& permits)
    : control_(control),
      publication_(publication),
      workers_(workers),
      permits_(permits),
      removed_timer_(control) {}

result<listener_set::change> listener_set::prepare(std::vector<runtime::listener_options> wanted,
                                                   const net::tcp_options& tcp, std::span<const int> before,
                                                   net::inherited_sockets& inherited) {
  change next;
  if (!closing_.empty()) on_accepting_thread([this] { finish_closing(); });
  // Who follows another one comes last: should somebody fail, no client has found his way there yet.
  std::ranges::stable_partition(wanted, [this](const runtime::listener_options& each) {
    return std::ranges::none_of(entries_, [&](const entry& present) {
      return present.socket && present.bind.port == each.bind.port;
    });
  });
  const auto& present = publication_.newest()->options->listeners;
  next.options.assign(present.begin(), present.begin() + static_cast<std::ptrdiff_t>(entries_.size()));
  next.tcp = tcp;
  next.doors.resize(next.options.size());
  for (const runtime::listener_options& each : wanted) {
    const std::size_t place = place_for(each.name, next);
    if (place == next.options.size()) {
      next.options.emplace_back();
      next.doors.emplace_back();
    }
    next.options[place] = each;
    next.doors[place].kept = socket_on(each);
    if (next.doors[place].kept != nullptr) continue;
    auto made = bind(each, tcp, before, inherited);
    if (!made) return made.error();
    next.doors[place].made = std::move(*made);
  }
  return next;
}

// Its own, a free one, or one behind the last.
std::size_t listener_set::place_for(const std::string& name, const change& next) const {
  const auto place_with = [this](const auto& claim) {
    return static_cast<std::size_t>(std::ranges::find_if(entries_, claim) - entries_.begin());
  };
  std::size_t place =
      place_with([&](const entry& each) { return each.state && each.state->counters.name == name; });
  if (place < entries_.size()) return place;
  place = place_with([&](const entry& each) {
    const change::door& door = next.doors[static_cast<std::size_t>(&each - entries_.data())];
    return !each.state && door.kept == nullptr && !door.made;
  });
  return place < entries_.size() ? place : next.options.size();
}

// A port that the kernel has chosen goes with the listener's name.
const acceptor* listener_set::socket_on(const runtime::listener_options& wanted) const {
  const auto found = std::ranges::find_if(entries_, [&](const entry& each) {
    return each.socket && each.bind == wanted.bind &&
           (wanted.bind.port != 0 || each.state->counters.name == wanted.name);
  });
  return found == entries_.end() ? nullptr : found->socket.get();
}

result<listener_set::opened> listener_set::bind(const runtime::listener_options& wanted,
                                                const net::tcp_options& tcp, std::span<const int> before,
                                                net::inherited_sockets& inherited) {
  net::inherited_socket given = inherited.take(wanted.name, to_string(wanted.bind));
  auto made = given.fd.is_open() ? net::adopt_listening(context(), std::move(given.fd))
                                 : net::listen(context(), wanted.bind, before);
  error_code ec = made ? error_code() : made.error();
  // Accepted sockets inherit them, which saves six system calls a session.
  if (!ec && !is_unix_socket(wanted.bind)) ec = net::configure(made->native_handle(), tcp);
  if (!ec) return opened{std::move(*made), given.is_kept_open};
  failure_ = "listener " + wanted.name + ": cannot listen on " + to_string(wanted.bind) + ": " + ec.message();
  return errc::cannot_listen;
}

void listener_set::carry_out(change next) {
  entries_.resize(next.options.size());
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    const bool is_served = next.doors[place].kept != nullptr || next.doors[place].made;
    if (is_served && !entries_[place].state)
      entries_[place].state = std::make_unique<session::listener_state>(place, next.options[place].name);
  }
  on_accepting_thread([&] { move_sockets(next); });
  removed_timer_.cancel();
  forget_removed();
}

// On the accepting thread.
void listener_set::move_sockets(change& next) {
  std::vector<std::unique_ptr<acceptor>> before;
  for (entry& each : entries_) before.push_back(std::move(each.socket));
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    change::door& door = next.doors[place];
    entry& each = entries_[place];
    if (door.made) {
      const runtime::state_ptr& state = is_workers_own() ? workers_.front()->state() : publication_.newest();
      each.socket = std::make_unique<acceptor>(context(), std::move(door.made->socket), *each.state, state,
                                               permits_, workers_);
      if (door.made->is_kept_open) each.socket->leave_queue();
      each.socket->start();
    } else if (door.kept != nullptr) {
      const auto kept = std::ranges::find(before, door.kept, &std::unique_ptr<acceptor>::get);
      each.socket = std::move(*kept);
      each.socket->serve(*each.state);
      each.socket->configure(next.tcp);
    } else {
      continue;
    }
    const bool is_news = door.made || each.bind != next.options[place].bind;
    each.bind = next.options[place].bind;
    if (is_news) tell("listening", next.options[place].name, each.socket->address());
  }
  for (auto& each : before) {
    if (each) close(std::move(each));
  }
}

void listener_set::close(std::unique_ptr<acceptor> socket) {
  tell("listening no more", socket->listener_name(), socket->address());
  const bool has_successor = std::ranges::any_of(entries_, [&](const entry& each) {
    return each.socket && !is_unix_socket(each.socket->address()) &&
           each.socket->address().port == socket->address().port;
  });
  const std::shared_ptr<acceptor> closing = std::move(socket);
  closing_.push_back(closing);
  closing->stop(has_successor, [closing] {});
}

// Somebody may want their ports again already. On the accepting thread.
void listener_set::finish_closing() {
  for (const auto& each : closing_)
    if (const auto still = each.lock()) still->finish();
  closing_.clear();
}

void listener_set::stop(std::function<void()> on_closed) {
  removed_timer_.cancel();
  // Called once the last one is closed, which may be of another thread.
  const std::shared_ptr<void> all_closed(
      nullptr, [this, told = std::move(on_closed)](void*) { boost::asio::post(control_, told); });
  on_accepting_thread([&] {
    for (const entry& each : entries_) {
      if (each.socket) each.socket->stop(false, [all_closed] {});
    }
  });
}

void listener_set::suspend() {
  on_accepting_thread([&] {
    for (const entry& each : entries_)
      if (each.socket) each.socket->suspend();
  });
}

void listener_set::resume() {
  on_accepting_thread([&] {
    for (const entry& each : entries_)
      if (each.socket) each.socket->resume();
  });
}

void listener_set::destroy_sockets() noexcept {
  for (entry& each : entries_) each.socket.reset();
}

// A session on its way to a worker is not counted yet.
void listener_set::forget_removed() {
  const bool is_any_on_its_way =
      std::ranges::any_of(workers_, [](const auto& each) { return each->is_taking(); });
  bool are_some_left = false;
  for (entry& each : entries_) {
    if (!each.state || each.socket) continue;
    if (is_any_on_its_way || each.state->users.load(std::memory_order_acquire) > 0) {
      are_some_left = true;
      continue;
    }
    add(gone_, *each.state);
    each = {};
  }
  if (!are_some_left) return;
  removed_timer_.expires_after(removed_interval);
  removed_timer_.async_wait([this](const error_code& ec) {
    if (!ec) forget_removed();
  });
}

void listener_set::add(story::login_totals& to, const session::listener_state& of) {
  to.held += of.counters.held_total.value();
  to.released += of.counters.hold_released.value();
  to.expired += of.counters.hold_expired.value();
  to.stale_refused += of.counters.stale_refused.value();
}

story::login_totals listener_set::count_logins() const {
  story::login_totals totals = gone_;
  for (const session::listener_state* each : all()) add(totals, *each);
  return totals;
}

// A single worker accepts itself: there is nothing to choose.
void listener_set::on_accepting_thread(const std::function<void()>& action) {
  is_workers_own() ? workers_.front()->call(action) : action();
}

boost::asio::io_context& listener_set::context() const {
  return is_workers_own() ? workers_.front()->context() : control_;
}

std::vector<int> listener_set::sockets() const {
  std::vector<int> all;
  for (const entry& each : entries_) {
    if (each.socket) all.push_back(each.socket->socket());
  }
  return all;
}

std::vector<listener_set::served> listener_set::all_served() const {
  std::vector<served> all;
  for (const entry& each : entries_) {
    if (each.socket) all.push_back({*each.state, each.socket->address()});
  }
  return all;
}

std::vector<const session::listener_state*> listener_set::all() const {
  std::vector<const session::listener_state*> all;
  for (const entry& each : entries_) {
    if (each.state) all.push_back(each.state.get());
  }
  return all;
}

std::vector<listener_set::handed> listener_set::all_handed() const {
  std::vector<handed> all;
  for (const entry& each : entries_) {
    if (!each.socket) continue;
    all.push_back(
        {each.state->counters.name, each.bind, each.socket->socket(), each.socket->is_queue_left()});
  }
  return all;
}

session::listener_state* listener_set::find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      entries_, [name](const entry& each) { return each.state && each.state->counters.name == name; });
  return found == entries_.end() ? nullptr : found->state.get();
}

std::optional<endpoint> listener_set::address_of(std::string_view name) const {
  for (const served& each : all_served()) {
    if (each.state.counters.name == name) return each.address;
  }
  return std::nullopt;
}

}  // namespace pgsteer::server
