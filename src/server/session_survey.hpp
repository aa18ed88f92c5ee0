#pragma once
// session_survey: asks every worker about its sessions for an operator, a slice at a time.
//
// A worker looks at a slice in one go, some 0.1 ms, and has its turns with everybody's bytes until the next
// one is asked for; that is once this slice was taken in here, so that the control thread too has its turns
// in between. 10,000 sessions of one worker are some 160 slices. Shares nothing with a worker: it is asked,
// and its answer is posted back. Control thread.
//
// Flow: list() or kill(), any number at once -> what is found as it comes -> once: who has not answered.
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "server/worker.hpp"

namespace pgsteer::server {

class session_survey {
 public:
  // A worker that says nothing for so long is not waited for: it has thousands of turns in that time, or
  // hangs.
  static constexpr seconds usual_answer_time{5};

  using sessions = std::vector<session::listed_session>;
  // Numbers of those that have said nothing for that long: what they have is not among what was found.
  using late_workers = std::vector<std::size_t>;

  session_survey(boost::asio::io_context& control, const std::vector<std::unique_ptr<worker>>& workers,
                 duration answer_time = usual_answer_time)
      : control_(control), workers_(workers), answer_time_(answer_time) {}

  void list(std::function<void(sessions)> on_some, std::function<void(const late_workers&)> on_over);
  // killed: the session as it was; nothing: none of those that have answered has it.
  void kill(session::session_id which,
            std::function<void(std::optional<session::listed_session> killed, const late_workers&)> on_over);

 private:
  class round;
  boost::asio::io_context& control_;
  const std::vector<std::unique_ptr<worker>>& workers_;
  const duration answer_time_;
};

}  // namespace pgsteer::server
