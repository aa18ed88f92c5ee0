#include "discovery/resource_watch.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "pgsteer/base/log.hpp"
#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/spawn.hpp"

namespace pgsteer::discovery {
namespace {

namespace asio = boost::asio;

constexpr const char* page_limit = "250";  // objects; some MiB of Pods at most
constexpr std::size_t status_bytes_max = 64 * 1024;

api_ending ending_of(int status) noexcept {
  switch (status) {
    case 401:
      return api_ending::unauthorized;
    case 403:
      return api_ending::forbidden;
    case 410:
      return api_ending::gone;
    case 429:
      return api_ending::throttled;
    default:
      return api_ending::refused;
  }
}

api_failure refusal_of(const api_status& status) {
  std::string text = "HTTP " + std::to_string(status.code);
  if (!status.reason.empty()) text += " " + status.reason;
  if (!status.message.empty()) text += ": " + status.message;
  return {ending_of(status.code), text, {}};
}

api_failure malformed(const error_code& ec) {
  return {api_ending::malformed, ec.message(), {}};
}

// What an operator can do about it.
std::string_view advice(api_ending end) noexcept {
  switch (end) {
    case api_ending::forbidden:
      return "pgsteer's service account needs the verbs list and watch: a Role and a RoleBinding in that "
             "namespace";
    case api_ending::unauthorized:
      return "the service account's token is not valid";
    case api_ending::not_set_up:
      return "expected a pod with a service account, or api_server, token_file and ca_file in "
             "cluster.backends.kubernetes";
    case api_ending::complete:
    case api_ending::gone:
    case api_ending::throttled:
    case api_ending::refused:
    case api_ending::malformed:
    case api_ending::no_connection:
    case api_ending::late:
      return "";
  }
  return "";
}

}  // namespace

std::string query_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(each) != std::string_view::npos) {
      out += each;
    } else {
      out += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return out;
}

resource_watch::resource_watch(asio::io_context& context, api_access access, api_resource resource,
                               const api_timing& timing)
    : context_(context),
      access_(std::move(access)),
      resource_(std::move(resource)),
      timing_(timing),
      timer_(context),
      lasting_timer_(context) {
  figures_.resource = resource_.plural;
  // So that each has a series before it first happens.
  for (int i = 0; i < api_ending_count; ++i) figures_.errors[to_string(static_cast<api_ending>(i))] = 0;
  figures_.errors.erase(to_string(api_ending::complete));
  using enum watch_event::kind;
  for (const auto what : {added, modified, deleted, bookmark, error}) figures_.events[to_string(what)] = 0;
}

void resource_watch::start(object_sink& sink, std::function<void()> flushed) {
  sink_ = &sink;
  flushed_ = std::move(flushed);
  net::spawn(context_, run(shared_from_this()), "kubernetes watch");
}

void resource_watch::stop() {
  sink_ = nullptr;
  figures_.is_watching = false;
  timer_.cancel();
  lasting_timer_.cancel();
  if (connection_) connection_->close();
}

void resource_watch::refresh_now() {
  if (!may_be_woken_) return;
  const time_point due = std::max(clock::now(), asked_at_ + hint_gap_min);
  if (due >= timer_.expiry()) return;
  may_be_woken_ = false;
  timer_.expires_at(due);  // whoever waits is woken, and waits on until then
}

asio::awaitable<void> resource_watch::run(std::shared_ptr<resource_watch> self) {
  while (self->sink_ != nullptr) {
    self->asked_at_ = clock::now();
    self->answered_at_.reset();
    const bool was_watch = self->plan_.next().is_watch;
    const api_failure failure = co_await self->request();
    self->figures_.is_watching = false;
    if (self->sink_ == nullptr) co_return;
    std::optional<duration> lasted;
    if (self->answered_at_) lasted = clock::now() - *self->answered_at_;
    self->lasting_timer_.cancel();
    const duration wait = self->plan_.note_end(failure.end, self->luck(), lasted, failure.retry_after);
    if (failure.is_one()) {
      self->report(failure, was_watch);
      self->connection_.reset();
    }
    self->may_be_woken_ = !failure.retry_after;
    co_await self->pause(wait);
  }
}

asio::awaitable<void> resource_watch::pause(duration length) {
  timer_.expires_after(length);
  // refresh_now() moves the end; then this is woken and waits for the new one.
  for (bool is_over = false; !is_over && sink_ != nullptr;) {
    co_await timer_.async_wait(net::as_result);
    is_over = clock::now() >= timer_.expiry();
  }
  may_be_woken_ = false;
}

asio::awaitable<api_failure> resource_watch::request() {
  api_reading access = read_access(access_);
  if (!access.problem.empty()) co_return api_failure{api_ending::not_set_up, access.problem, {}};
  const api_request next = plan_.next();
  if (!next.is_watch && next.continue_token.empty()) sink_->begin_list();
  if (!connection_ || !connection_->is_reusable()) {
    connection_ = std::make_unique<api_connection>(context_, timing_);
    api_failure failed = co_await connection_->open(access.identity);
    if (failed.is_one() || sink_ == nullptr) co_return failed;
  }
  const std::string target = target_of(next, access.identity.pod_namespace);
  api_failure failed = co_await connection_->ask(target, access.identity.token);
  if (failed.is_one() || sink_ == nullptr) co_return failed;
  if (connection_->status() != 200) {
    failed = co_await read_refusal();
  } else if (next.is_watch) {
    failed = co_await read_watch();
  } else {
    failed = co_await read_page();
  }
  co_return failed;
}

asio::awaitable<api_failure> resource_watch::read_page() {
  error_code refused;
  list_reader reader(resource_, [&](const api_object& object) {
    if (!refused) refused = sink_->add(object);
  });
  const time_point deadline = clock::now() + timing_.page_timeout;
  while (true) {
    const api_connection::piece piece = co_await connection_->read(deadline);
    if (piece.failure.is_one() || sink_ == nullptr) co_return piece.failure;
    if (piece.bytes.empty()) break;
    const error_code ec = reader.consume(piece.bytes);
    if (ec || refused) co_return malformed(ec ? ec : refused);
  }
  if (const error_code ec = reader.finish()) co_return malformed(ec);
  note_answer(false);
  if (plan_.note_page(reader.resource_version(), reader.continue_token())) {
    ++figures_.lists;
    sink_->end_list();
    flushed_();
  }
  co_return api_failure{};
}

asio::awaitable<api_failure> resource_watch::read_watch() {
  figures_.is_watching = true;
  answered_at_ = clock::now();
  note_answer_once_it_has_lasted();
  api_failure failure;
  watch_reader reader(resource_, [&](const watch_event& event) { take(event, failure); });
  while (true) {
    const api_connection::piece piece = co_await connection_->read(clock::now() + timing_.silence_max);
    if (piece.failure.is_one() || sink_ == nullptr) co_return piece.failure;
    if (piece.bytes.empty()) break;
    const error_code ec = reader.consume(piece.bytes);
    // What came before the fault is good.
    flushed_();
    if (sink_ == nullptr || failure.is_one()) co_return failure;
    if (ec) co_return malformed(ec);
  }
  const error_code ec = reader.finish();
  co_return ec ? malformed(ec) : failure;
}

// A header alone shows little: something between may have sent it, and cut. Nothing need come for a minute.
void resource_watch::note_answer_once_it_has_lasted() {
  lasting_timer_.expires_after(api_plan::watch_time_min);
  lasting_timer_.async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto self = weak.lock();
    if (!ec && self && self->figures_.is_watching) self->note_answer(true);
  });
}

// Once there was a failure, what follows is not believed.
void resource_watch::take(const watch_event& event, api_failure& failure) {
  if (failure.is_one()) return;
  ++figures_.events[to_string(event.what)];
  if (event.what == watch_event::kind::error) {
    failure = refusal_of(event.status);
    return;
  }
  note_answer(true);
  const bool is_change = event.what != watch_event::kind::bookmark;
  const error_code ec = is_change ? sink_->apply(event) : error_code();
  if (ec) {
    failure = malformed(ec);
  } else {
    plan_.note_version(event.object.resource_version);
  }
}

asio::awaitable<api_failure> resource_watch::read_refusal() {
  std::string body;
  const time_point deadline = clock::now() + timing_.header_timeout;
  while (body.size() < status_bytes_max) {
    const api_connection::piece piece = co_await connection_->read(deadline);
    if (sink_ == nullptr) co_return piece.failure;
    // The status alone says enough.
    if (piece.failure.is_one() || piece.bytes.empty()) break;
    body += piece.bytes;
  }
  api_failure failure = refusal_of(read_status(connection_->status(), body));
  failure.retry_after = connection_->retry_after();
  co_return failure;
}

// A watch that is answered shows that all is well, a list only that lists are.
void resource_watch::note_answer(bool is_watch) {
  figures_.answered_at = clock::now();
  if (told_.empty()) return;
  std::erase_if(told_, [&](const auto& each) { return is_watch || !each.first; });
  if (told_.empty()) log(log_level::info, "kubernetes API answers again", {{"resource", resource_.plural}});
}

// Each kind of failure once, until there is a good answer.
void resource_watch::report(const api_failure& failure, bool is_watch) {
  ++figures_.errors[to_string(failure.end)];
  // A version that is too old is ordinary: it is not used for a while, or the server was started anew.
  if (failure.end == api_ending::gone) return;
  if (!told_.insert({is_watch, failure.end}).second) return;
  const std::string_view hint = advice(failure.end);
  const std::string error = failure.text + (hint.empty() ? "" : "; ") + std::string(hint);
  log(log_level::warning, "kubernetes API does not answer as it should, " + std::string(resource_.if_missing),
      {{"resource", resource_.plural},
       {"verb", is_watch ? "watch" : "list"},
       {"kind", to_string(failure.end)},
       {"error", error}});
}

std::string resource_watch::target_of(const api_request& request, const std::string& pod_namespace) {
  std::string target =
      resource_.group_path + "/namespaces/" + query_text(pod_namespace) + "/" + resource_.plural + "?";
  if (request.is_watch) {
    const auto shortest = timing_.watch_time.count();
    const auto time = shortest + static_cast<seconds::rep>(static_cast<double>(shortest) * luck());
    target += "watch=1&allowWatchBookmarks=true&resourceVersion=" + query_text(request.resource_version) +
              "&timeoutSeconds=" + std::to_string(time);
  } else {
    target += std::string("limit=") + page_limit;
    if (!request.continue_token.empty()) target += "&continue=" + query_text(request.continue_token);
  }
  if (!resource_.label_selector.empty()) target += "&labelSelector=" + query_text(resource_.label_selector);
  if (!resource_.field_selector.empty()) target += "&fieldSelector=" + query_text(resource_.field_selector);
  return target;
}

}  // namespace pgsteer::discovery
