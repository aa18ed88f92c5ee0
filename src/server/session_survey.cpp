#include "server/session_survey.hpp"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace pgsteer::server {
namespace {

namespace asio = boost::asio;

// To describe one is a system call and a few copies, some 1.5 us: 0.1 ms.
constexpr std::size_t listed_at_once = 64;
// To look whether it is the one is a comparison in memory that is not in a cache, some 0.1 us: 0.05 ms.
constexpr std::size_t searched_at_once = 512;

}  // namespace

// One order, to all workers at once. Kept alive by what is posted, and let go of on the control thread.
class session_survey::round : public std::enable_shared_from_this<round> {
 public:
  // On a worker's thread, and on several at once: the next slice. False: that was the last.
  using question = std::function<bool(session::worker_context&, session::session_walk&, sessions& found)>;
  // True: there is no need to go on.
  using found_taker = std::function<bool(sessions)>;

  round(const session_survey& of, question asked)
      : control_(of.control_),
        workers_(of.workers_),
        answer_time_(of.answer_time_),
        asked_(std::move(asked)),
        is_through_(workers_.size()),
        silence_(control_) {}

  void begin(found_taker on_found, std::function<void(const late_workers&)> on_over) {
    on_found_ = std::move(on_found);
    on_over_ = std::move(on_over);
    left_ = workers_.size();
    await_news();
    for (std::size_t i = 0; i < workers_.size(); ++i) ask(i, nullptr);
  }

 private:
  using walk_ptr = std::shared_ptr<session::session_walk>;

  void ask(std::size_t which, walk_ptr walk) {
    workers_[which]->ask([self = shared_from_this(), which, walk](session::worker_context& there) mutable {
      sessions found;
      bool is_more = false;
      if (!self->is_over_) {  // a kill that nobody hears of any more would be a surprise
        if (!walk) walk = there.begin_walk();
        is_more = self->asked_(there, *walk, found);
      }
      asio::io_context& control = self->control_;
      asio::post(control, [self = std::move(self), which, is_more, walk = std::move(walk),
                           found = std::move(found)]() mutable {
        self->take(which, is_more ? std::move(walk) : nullptr, std::move(found));
      });
    });
  }

  // walk: where it goes on; null: it is through.
  void take(std::size_t which, walk_ptr walk, sessions found) {
    if (is_over_) return;
    const bool is_enough = on_found_(std::move(found));
    if (!walk) {
      is_through_[which] = true;
      --left_;
    }
    if (is_enough || left_ == 0) return finish();
    await_news();
    if (walk) ask(which, std::move(walk));
  }

  void await_news() {
    silence_.expires_after(answer_time_);
    silence_.async_wait([self = shared_from_this()](const error_code& ec) {
      if (!ec && !self->is_over_) self->finish();
    });
  }

  void finish() {
    is_over_ = true;
    silence_.cancel();
    late_workers late;
    for (std::size_t i = 0; i < is_through_.size(); ++i)
      if (!is_through_[i]) late.push_back(i);
    const auto told = std::exchange(on_over_, nullptr);
    on_found_ = nullptr;
    told(late);
  }

  asio::io_context& control_;
  const std::vector<std::unique_ptr<worker>>& workers_;
  const duration answer_time_;
  const question asked_;
  found_taker on_found_;
  std::function<void(const late_workers&)> on_over_;
  std::vector<bool> is_through_;
  std::size_t left_ = 0;
  asio::steady_timer silence_;
  std::atomic<bool> is_over_{false};  // set on the control thread
};

void session_survey::list(std::function<void(sessions)> on_some,
                          std::function<void(const late_workers&)> on_over) {
  const auto begun = std::make_shared<round>(
      *this, [](session::worker_context& there, session::session_walk& walk, sessions& found) {
        return there.list_sessions(walk, listed_at_once, found);
      });
  begun->begin(
      [taken = std::move(on_some)](sessions some) {
        taken(std::move(some));
        return false;
      },
      std::move(on_over));
}

void session_survey::kill(
    session::session_id which,
    std::function<void(std::optional<session::listed_session> killed, const late_workers&)> on_over) {
  const auto begun = std::make_shared<round>(
      *this, [which](session::worker_context& there, session::session_walk& walk, sessions& found) {
        std::optional<session::listed_session> killed;
        const bool is_more = there.kill_session(walk, searched_at_once, which, killed);
        if (killed) found.push_back(std::move(*killed));
        return is_more;
      });
  const auto killed = std::make_shared<std::optional<session::listed_session>>();
  begun->begin(
      [killed](sessions found) {
        if (!found.empty()) *killed = std::move(found.front());
        return killed->has_value();
      },
      [killed, told = std::move(on_over)](const late_workers& late) { told(std::move(*killed), late); });
}

}  // namespace pgsteer::server
