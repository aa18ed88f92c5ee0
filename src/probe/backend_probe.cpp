#include "probe/backend_probe.hpp"

#include <tuple>
#include <utility>

#include "pgsteer/net/spawn.hpp"
#include "probe/failure.hpp"
#include "probe/login_parameters.hpp"

namespace pgsteer::probe {

namespace asio = boost::asio;
using topology::probe_outcome;
using topology::probe_result;
using ending = probe_schedule::ending;

namespace {

// A fresh login is to show that the postmaster and a new process answer: the server's wish for a password
// shows that. To give it costs 4 ms of SCRAM (4,096 rounds), at ten backends most of what probing costs, so
// that is done once in a while, for the day when the password will be needed.
constexpr auto password_interval = seconds{60};
// What a crash or a fast shutdown ends is gone by then, even on a busy machine.
constexpr auto refused_long = seconds{1};
// "the database system is shutting down", starting up, or in recovery.
constexpr const char* cannot_connect_now = "57P03";

// late_after is of a connection too.
bool is_same_login(const probe_options& left, const probe_options& right) {
  const auto of = [](const probe_options& each) {
    return std::tie(each.user, each.password_file, each.passfile, each.database, each.sslmode,
                    each.sslrootcert, each.sslcert, each.sslkey, each.late_after);
  };
  return of(left) == of(right);
}

}  // namespace

backend_probe::backend_probe(asio::io_context& context, const probe_options& options, probe_target target,
                             handlers report)
    : context_(context),
      options_(options),
      target_(std::move(target)),
      report_(std::move(report)),
      log_("probe outcome changed", to_string(target_.address)),
      login_log_("outcome of fresh probe logins changed", to_string(target_.address),
                 probe_outcome::answered),
      wait_point_(context),
      schedule_(options, clock::now()),
      // Two pgsteers that were started in one moment shall not stay in step.
      random_(std::random_device{}()) {}

void backend_probe::start() {
  net::spawn(context_, run(shared_from_this()), "probe");
}

void backend_probe::change_options(const probe_options& options) {
  const bool is_same = is_same_login(options_, options);
  options_ = options;
  schedule_.change_options(options, clock::now());
  wait_point_.wake();
  if (!is_same) renew_login();
}

void backend_probe::renew_login() {
  is_login_changed_ = true;
  wait_point_.wake();
  if (!open_) expedite();  // what was refused may be let in now
}

void backend_probe::hint() {
  schedule_.hint(clock::now());
  wait_point_.wake();
}

void backend_probe::ask_once() {
  schedule_.ask_once(clock::now());
  wait_point_.wake();
}

void backend_probe::ask_soon() {
  if (!open_) return;  // another login would take the next free connection
  schedule_.expedite(clock::now());
  wait_point_.wake();
}

void backend_probe::end_bursts() {
  schedule_.end_bursts();
}

void backend_probe::stop() {
  is_stopped_ = true;
  for (const auto& connection : {open_, opening_, fresh_, spare_}) {
    if (connection) connection->close();
  }
  wait_point_.wake();
}

double backend_probe::random() {
  return std::uniform_real_distribution<double>{}(random_);
}

asio::awaitable<void> backend_probe::run(std::shared_ptr<backend_probe> self) {
  while (!self->is_stopped_) {
    co_await self->wait_until_due();
    if (self->is_stopped_) break;
    if (self->open_ && !self->open_->is_usable()) {
      const probe_result loss = self->open_->loss();
      self->open_.reset();
      self->schedule_.lose(clock::now());
      self->deliver(loss);
      continue;
    }
    const bool was_open = self->open_ != nullptr;
    self->schedule_.start(clock::now());
    const probe_result result = co_await self->probe();
    if (self->is_stopped_) break;
    // A shutdown may take minutes, and whoever knocks costs it a process and a line of its log.
    const bool is_known = self->is_shutting_down_ && result.outcome == probe_outcome::not_accepting;
    const ending how = is_known ? ending::turned_away : probe_schedule::ending_of(result.outcome);
    self->schedule_.end(how, clock::now(), self->random());
    if (was_open && !self->open_) self->schedule_.lose(clock::now());
    self->deliver(result);
  }
}

// Also ends when the open connection does.
asio::awaitable<void> backend_probe::wait_until_due() {
  if (open_) {
    const std::weak_ptr<backend_probe> weak = weak_from_this();
    open_->watch({.on_loss =
                      [weak] {
                        if (const auto self = weak.lock()) self->wait_point_.wake();
                      },
                  .on_promotion =
                      [weak] {
                        if (const auto self = weak.lock()) self->expedite();
                      }});
  }
  while (!is_stopped_ && (!open_ || open_->is_usable())) {
    const time_point now = clock::now();
    if (open_) {
      note_clients(now);
      const bool is_due = is_login_changed_ && !fresh_ && !spare_;
      if (is_due || now >= schedule_.login_due()) start_fresh_login();
    }
    if (now >= schedule_.due()) break;
    const time_point login_due = open_ ? schedule_.login_due() : time_point::max();
    [[maybe_unused]] const bool is_woken =
        co_await wait_point_.wait_until(std::min(login_due, schedule_.due()));
  }
  if (open_) open_->unwatch();
}

void backend_probe::watch(duration until_next) {
  const time_point now = clock::now();
  if (!open_ || !open_->is_watched() || !schedule_.wants_watching(now)) return;
  // The role query tells as much: at once if it is due before the next turn, which saves waking up for it
  // alone. And if the last question has no answer after a whole interval: then it has that in the end, or its
  // time-out.
  const bool is_query_due = schedule_.due() <= now + until_next;
  if (!is_query_due && !open_->is_recovery_asked()) return open_->ask_recovery();
  expedite();
}

// The next role query, at once.
void backend_probe::expedite() {
  schedule_.expedite(clock::now());
  wait_point_.wake();
}

// A client's login shows as much as ours would, but for the probe's own password.
void backend_probe::note_clients(time_point now) {
  const std::uint64_t before = std::exchange(let_in_, report_.logins_let_in());
  const time_point since = std::exchange(looked_at_, now);
  if (let_in_ != before && !login_trouble_ && now < password_due_)
    schedule_.note_client_login(since, random());
}

asio::awaitable<probe_result> backend_probe::probe() {
  if (login_trouble_ && login_trouble_->outcome == probe_outcome::not_accepting) {
    open_.reset();
    login_trouble_.reset();
  }
  if (!open_) open_ = std::exchange(spare_, nullptr);
  if (!open_) {
    probe_result first = co_await log_in_and_ask();
    co_return first;
  }
  if (spare_) {
    auto answer = co_await ask_spare();
    if (answer) co_return *std::move(answer);
  }
  const auto connection = open_;
  const bool is_refused = login_trouble_ && login_trouble_->outcome == probe_outcome::shutting_down;
  probe_result result = co_await connection->ask(options_.timeout);
  if (is_refused) {
    if (connection->is_usable()) {  // whatever it says: it has outlived the refusal
      result.outcome = probe_outcome::shutting_down;
      result.message = login_trouble_->message;
    }
    login_trouble_.reset();
  }
  // A shutdown waits for every session to end, this one too.
  if (is_refused || !connection->is_usable()) open_.reset();
  overlay_login_trouble(result);
  co_return result;
}

asio::awaitable<probe_result> backend_probe::log_in(std::shared_ptr<role_connection> connection) {
  password_due_ = clock::now() + password_interval;
  is_login_changed_ = false;
  auto parameters = login_parameters(options_, target_);
  if (const auto* const problem = std::get_if<unreadable_password>(&parameters)) {
    const time_point now = clock::now();
    co_return probe_result{problem->outcome, std::nullopt, problem->message, now, now};
  }
  const auto& values = std::get<std::vector<parameter>>(parameters);
  probe_result result = co_await connection->login(values, options_.timeout);
  co_return result;
}

// A login that counts as answered once the server asks for a password. Every password_interval it goes on to
// the end, so that the password is checked too.
asio::awaitable<probe_result> backend_probe::try_login(std::shared_ptr<role_connection> connection) {
  // Only the password shows that it is right by now.
  const bool was_wrong = login_trouble_ && login_trouble_->outcome == probe_outcome::wrong_credentials;
  if (clock::now() >= password_due_ || is_login_changed_ || was_wrong) {
    probe_result result = co_await log_in(connection);
    co_return result;
  }
  const auto parameters = anonymous_login_parameters(options_, target_);
  probe_result result = co_await connection->login(parameters, options_.timeout);
  if (connection->was_asked_for_password()) result.outcome = probe_outcome::answered;
  co_return result;
}

asio::awaitable<probe_result> backend_probe::log_in_and_ask() {
  const auto connection = make_connection();
  opening_ = connection;
  schedule_.start_login(clock::now());
  probe_result result = co_await log_in(connection);
  if (connection->is_usable()) {
    probe_result answer = co_await connection->ask(options_.timeout);
    result = std::move(answer);
  }
  if (is_shutdown(*connection)) result.outcome = probe_outcome::shutting_down;
  opening_.reset();
  schedule_.end_login(probe_schedule::ending_of(result.outcome), random());
  if (connection->is_usable()) {
    open_ = connection;
    login_trouble_.reset();
  }
  co_return result;
}

// There was no open connection to outlive the refusal, but clients' sessions have done so.
bool backend_probe::is_shutdown(const role_connection& refused) {
  if (refused.refusal() != cannot_connect_now) {
    refused_since_.reset();
    return false;
  }
  const time_point now = clock::now();
  if (!refused_since_) refused_since_ = now;
  return now - *refused_since_ >= refused_long && report_.sessions() > 0;
}

std::shared_ptr<role_connection> backend_probe::make_connection() {
  return std::make_shared<role_connection>(
      context_, role_connection::lateness{options_.late_after, [weak = weak_from_this()](time_point sent_at) {
                                            const auto self = weak.lock();
                                            if (self && !self->is_stopped_) self->report_.on_late(sent_at);
                                          }});
}

void backend_probe::start_fresh_login() {
  schedule_.start_login(clock::now());
  fresh_ = make_connection();
  net::spawn(context_, run_fresh_login(shared_from_this()), "fresh probe login");
}

asio::awaitable<void> backend_probe::run_fresh_login(std::shared_ptr<backend_probe> self) {
  const auto connection = self->fresh_;
  const std::uint64_t answered_before = self->report_.logins_answered();
  probe_result result = co_await self->try_login(connection);
  // Unless it is starting up, or in recovery, which the open connection would not outlive.
  if (connection->refusal() == cannot_connect_now) result.outcome = probe_outcome::shutting_down;
  self->fresh_.reset();
  if (self->is_stopped_) co_return;
  self->schedule_.end_login(probe_schedule::ending_of(result.outcome), self->random());
  self->wait_point_.wake();  // to the next one
  if (result.outcome == probe_outcome::answered && !connection->is_usable()) {
    const bool was_in_trouble = self->login_trouble_.has_value();
    self->note_fresh_login(result);
    if (!was_in_trouble) co_return;
  } else if (result.outcome == probe_outcome::answered) {
    // The next probe asks on it, so that one backend never has two questions at once.
    self->spare_ = connection;
  } else if (result.outcome == probe_outcome::timed_out &&
             self->report_.logins_answered() != answered_before) {
    co_return;  // a storm of logins, and ours was not the next in line
  } else {
    const bool is_news = !self->login_trouble_ || self->login_trouble_->outcome != result.outcome;
    self->note_fresh_login(result);
    if (!is_news) co_return;
  }
  self->expedite();
}

// Empty if the spare did not answer; the open connection is asked then.
asio::awaitable<std::optional<probe_result>> backend_probe::ask_spare() {
  const auto connection = std::exchange(spare_, nullptr);
  opening_ = connection;
  probe_result result = co_await connection->ask(options_.timeout);
  opening_.reset();
  note_fresh_login(result);
  if (result.outcome != probe_outcome::answered) co_return std::nullopt;
  open_ = connection;
  co_return result;
}

void backend_probe::note_fresh_login(const probe_result& result) {
  login_log_.note(result.outcome, result.message);
  login_trouble_.reset();
  if (result.outcome != probe_outcome::answered) login_trouble_ = result;
}

// The open connection answers; what a new login would meet is as much a part of the truth.
void backend_probe::overlay_login_trouble(probe_result& result) const {
  if (!login_trouble_ || result.outcome != probe_outcome::answered) return;
  if (result.sent_at < login_trouble_->received_at) return;  // the answer may be older than the trouble
  switch (login_trouble_->outcome) {
    case probe_outcome::timed_out:
    case probe_outcome::refused:
    case probe_outcome::unreachable:
    case probe_outcome::connection_lost:
    case probe_outcome::not_postgresql:
    case probe_outcome::login_hung:
      result.outcome = probe_outcome::login_hung;
      result.message = "fresh login: " + login_trouble_->message;
      return;
    case probe_outcome::answered:
    case probe_outcome::shutting_down:  // told by an open connection that has outlived the refusal
    case probe_outcome::not_accepting:  // the open connection is given up before it is asked again
    // These say something about the probe's role or about us; clients may well be let in.
    case probe_outcome::wrong_credentials:
    case probe_outcome::missing_database:
    case probe_outcome::too_many_clients:
    case probe_outcome::query_failed:
    case probe_outcome::tls_failed:
    case probe_outcome::local_trouble:
      return;
  }
}

void backend_probe::deliver(probe_result result) {
  const bool tells_nothing =
      result.outcome == probe_outcome::not_accepting || result.outcome == probe_outcome::local_trouble;
  is_shutting_down_ = result.outcome == probe_outcome::shutting_down || (is_shutting_down_ && tells_nothing);
  if (result.answer) schedule_.note_role(result.answer->is_in_recovery);
  log_.note(result.outcome, result.message);
  if (is_stopped_) return;
  result.was_terminated =
      result.outcome == probe_outcome::connection_lost && tells_termination(result.message);
  report_.on_result(result);
}

}  // namespace pgsteer::probe
