#include "server/hand_over.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/succession/errc.hpp"
#include "pgsteer/succession/session_batch.hpp"

namespace pgsteer::server {
namespace {

using session::carried_session;
using succession::batch_sessions_max;
using succession::word;

// What a successor says at once if it lives; a batch takes milliseconds.
constexpr auto successor_answer_time = seconds{5};
// Until it has asked every backend itself, and says whether it is ready.
constexpr auto successor_ready_time = seconds{30};
// How long sessions that were asked for may take until they come: a turn of their worker's loop.
constexpr auto outbox_time = milliseconds{20};
// Between two looks whether somebody has logged in meanwhile.
constexpr auto login_look_interval = milliseconds{10};
// Sessions of one batch hold up to some MiB each that their peers do not take.
constexpr std::size_t batch_bytes_max = std::size_t{8} << 20U;

std::size_t stuck_bytes(const carried_session& of) {
  return of.flow.stuck[0].size() + of.flow.stuck[1].size();
}

}  // namespace

// Where the workers put sessions, and the thread takes them from. Shared, since a session may come late.
class hand_over::outbox {
 public:
  explicit outbox(std::function<void(std::vector<carried_session>)> take_back)
      : take_back_(std::move(take_back)) {}

  void put(carried_session one) {
    {
      const std::lock_guard held(mutex_);
      if (!is_closed_) {
        sessions_.push_back(std::move(one));
        news_.notify_one();
        return;
      }
    }
    std::vector<carried_session> late;
    late.push_back(std::move(one));
    take_back_(std::move(late));
  }
  // A worker has been asked, and says how many will come.
  void expect(std::size_t n) {
    const std::lock_guard held(mutex_);
    expected_ += n;
    --questions_;
    news_.notify_one();
  }
  void note_question() {
    const std::lock_guard held(mutex_);
    ++questions_;
  }
  // Once all that were asked for have come, or after outbox_time.
  std::vector<carried_session> take() {
    std::unique_lock lock(mutex_);
    const auto is_complete = [this] { return questions_ == 0 && sessions_.size() >= expected_; };
    news_.wait_for(lock, outbox_time, is_complete);
    std::vector<carried_session> taken;
    for (std::size_t bytes = 0;
         !sessions_.empty() && taken.size() < batch_sessions_max && bytes < batch_bytes_max;) {
      bytes += stuck_bytes(sessions_.front());
      taken.push_back(std::move(sessions_.front()));
      sessions_.pop_front();
    }
    expected_ = sessions_.size();
    return taken;
  }
  [[nodiscard]] std::size_t size() {
    const std::lock_guard held(mutex_);
    return sessions_.size();
  }
  // What comes from now on goes back.
  std::vector<carried_session> close() {
    const std::lock_guard held(mutex_);
    is_closed_ = true;
    std::vector<carried_session> rest(std::make_move_iterator(sessions_.begin()),
                                      std::make_move_iterator(sessions_.end()));
    sessions_.clear();
    return rest;
  }

 private:
  const std::function<void(std::vector<carried_session>)> take_back_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<carried_session> sessions_;
  std::size_t expected_ = 0;
  std::size_t questions_ = 0;
  bool is_closed_ = false;
};

hand_over::hand_over(boost::asio::io_context& control, const std::vector<std::unique_ptr<worker>>& workers,
                     surroundings around)
    : workers_(workers), around_(std::move(around)), calls_(control) {}

hand_over::~hand_over() {
  abandon();
}

void hand_over::abandon() {
  is_abandoned_ = true;
  calls_.abandon();
  if (thread_.joinable()) thread_.join();
}

void hand_over::begin(net::unique_fd connected) {
  PGSTEER_ASSERT(!is_under_way());
  if (thread_.joinable()) thread_.join();
  if (peer_) peers_before_.push_back(std::move(peer_));
  peer_ = std::make_unique<succession::parcel_socket>(std::move(connected));
  outbox_ = std::make_shared<outbox>([this](std::vector<carried_session> late) {
    boost::asio::post(calls_.control(),
                      [this, back = std::make_shared<std::vector<carried_session>>(std::move(late))] {
                        around_.take_back(std::move(*back));
                      });
  });
  given_ = {};
  began_ = clock::now();
  batch_ = 0;
  has_told_given_ = false;
  is_finished_ = false;
  thread_ = std::thread([this] { run(); });
}

void hand_over::run() {
  std::string why = agree();
  agreed_at_ = clock::now();
  if (why.empty()) why = give_sessions();
  if (!why.empty() && !is_abandoned_) fail(std::move(why));
  is_finished_ = true;
}

std::string hand_over::agree() {
  if (std::string why = offer_all(); !why.empty()) return why;
  const auto said = peer_->receive(clock::now() + successor_ready_time);
  if (!said) return said.error().message();
  const auto ready = succession::read_word(said->text);
  if (!ready) return error_code(succession::errc::not_understood).message();
  if (ready->what != word::kind::ready) return ready->why;
  std::string why = "pgsteer is stopping";
  word go{.what = word::kind::go};
  const bool is_told = calls_.call([&] {
    why = around_.stop_accepting();
    has_given_sockets_ = why.empty();
    go.newest_session = around_.newest_session().value;
  });
  if (!is_told || !why.empty()) return why;
  const auto sent = peer_->send(succession::to_json(go), {}, {}, clock::now() + successor_answer_time);
  return sent ? std::string() : sent.error().message();
}

std::string hand_over::offer_all() {
  const auto hello = peer_->receive(clock::now() + successor_answer_time);
  if (!hello) return hello.error().message();
  const auto greeting = succession::read_greeting(hello->text);
  if (!greeting) return error_code(succession::errc::not_understood).message();
  given_.pid = greeting->pid;
  log(log_level::info, "handing over to another process",
      {{"pid", greeting->pid}, {"version", std::string_view(greeting->version)}});
  succession::offer offer;
  std::vector<net::inherited_socket> sockets;
  const bool is_told = calls_.call([&] {
    offer = around_.offer();
    sockets = around_.sockets();
  });
  if (!is_told) return "pgsteer is stopping";
  offer.sockets = sockets.size();
  auto sent =
      peer_->send(succession::to_json(offer, clock::now()), {}, {}, clock::now() + successor_answer_time);
  for (const net::inherited_socket& each : sockets) {
    const int fd = each.fd.value();
    if (!sent) break;
    sent = peer_->send(succession::to_json(succession::socket_offer{each.name, each.bind, each.is_kept_open}),
                       {}, {&fd, 1}, clock::now() + successor_answer_time);
  }
  return sent ? std::string() : sent.error().message();
}

std::string hand_over::give_sessions() {
  while (!is_abandoned_) {
    std::vector<carried_session> batch = next_batch();
    if (!batch.empty()) {
      if (std::string why = give(batch); !why.empty()) return why;
      continue;
    }
    if (!std::exchange(has_told_given_, true)) {
      given_.took = clock::now() - began_;
      given_.giving = clock::now() - agreed_at_;
      if (!calls_.call([&] { around_.on_given(given_); })) return {};
    }
    if (around_.session_count() == 0 && outbox_->size() == 0) break;
    std::this_thread::sleep_for(login_look_interval);
  }
  const auto sent = peer_->send(succession::to_json(word{.what = word::kind::done}), {}, {},
                                clock::now() + successor_answer_time);
  if (is_abandoned_) return {};
  // Nobody leaves before the other one has shown that it is there: somebody must accept.
  const auto answer =
      sent ? peer_->receive(clock::now() + successor_answer_time) : result<succession::parcel>(sent.error());
  if (!answer) return answer.error().message();
  (void)calls_.call([&] { around_.on_over(); });
  return {};
}

// Asks for no more than go next: a session stands still from the moment in which it is taken out.
std::vector<carried_session> hand_over::next_batch() {
  const std::size_t there = outbox_->size();
  const std::size_t wanted = there < batch_sessions_max ? batch_sessions_max - there : 0;
  const std::size_t of_each = (wanted + workers_.size() - 1) / workers_.size();
  for (const auto& each : workers_) {
    if (of_each == 0) break;
    outbox_->note_question();
    each->carry_away(
        of_each, [to = outbox_](carried_session one) { to->put(std::move(one)); },
        [to = outbox_](std::size_t n) { to->expect(n); });
  }
  return outbox_->take();
}

// The successor owns them from the instant in which its answer is here: see parcel_socket::refuse_more().
std::string hand_over::give(std::vector<carried_session>& batch) {
  const succession::packed_batch packed = succession::pack(++batch_, batch, clock::now());
  std::string why;
  const auto sent =
      peer_->send(packed.text, packed.bytes, packed.descriptors, clock::now() + successor_answer_time);
  if (!sent) why = sent.error().message();
  auto answer = peer_->receive(clock::now() + (sent ? successor_answer_time : duration::zero()));
  if (!answer) {
    peer_->refuse_more();
    if (why.empty()) why = answer.error().message();
    answer = peer_->receive(clock::now() + successor_answer_time);
  }
  const auto owned = answer ? succession::read_word(answer->text) : std::nullopt;
  std::vector<carried_session> back;
  bool has_left_some = false;
  if (owned && owned->what == word::kind::owned && owned->batch == batch_) {
    for (const std::size_t place : owned->left) {
      if (place >= batch.size()) continue;
      batch[place].is_to_stay = true;
      back.push_back(std::move(batch[place]));
    }
    has_left_some = !back.empty();
    for (const std::size_t place : owned->later)
      if (place < batch.size()) back.push_back(std::move(batch[place]));
    given_.sessions += batch.size() - back.size();
    batch.clear();
  } else {
    if (why.empty()) why = "it did not say that it has the sessions";
    back = std::move(batch);
  }
  if (!back.empty()) (void)calls_.call([&] { around_.take_back(std::move(back)); });
  if (owned && !owned->later.empty()) std::this_thread::sleep_for(login_look_interval);
  if (why.empty() && has_left_some) (void)calls_.call([&] { around_.on_left(); });
  return why;
}

void hand_over::fail(std::string why) {
  log(log_level::warning, "the hand-over has failed, going on as before",
      {{"pid", given_.pid}, {"error", std::string_view(why)}});
  peer_->refuse_more();
  (void)peer_->send(succession::to_json(word{.what = word::kind::refused, .why = why}), {}, {},
                    clock::now() + login_look_interval);
  std::vector<carried_session> back = outbox_->close();
  (void)calls_.call([&] {
    if (std::exchange(has_given_sockets_, false)) around_.resume_accepting();
    around_.take_back(std::move(back));
    around_.on_failed(why);
  });
}

}  // namespace pgsteer::server
