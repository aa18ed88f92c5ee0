#pragma once
// take_over: receives everything that another process hands over: server/hand_over.hpp, whose other end this
// is.
//
// Decides nothing about sessions; has a thread of its own, which waits for the predecessor. Public functions
// are the control thread's.
//
// Flow: receive_offer() before anything is started -> begin() -> what_is_missing is asked until there is
// nothing -> the predecessor accepts nobody any more -> start_accepting -> sessions come in batches ->
// on_over. If it comes to nothing before start_accepting, on_refused follows, and this process is not needed;
// if the predecessor goes on without this one later, on_disowned: this process keeps what it has, and gets
// nothing more. That the predecessor ends at any step makes this process the only one: it goes on with what
// it was given by then.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pgsteer/net/inherited_sockets.hpp"
#include "pgsteer/succession/offer.hpp"
#include "pgsteer/succession/parcel_socket.hpp"
#include "pgsteer/succession/session_batch.hpp"
#include "server/control_calls.hpp"
#include "server/worker.hpp"

namespace pgsteer::server {

class take_over {
 public:
  // Where a session goes on.
  struct place {
    worker* on = nullptr;  // null: there is none for it here
    session::listener_state* listener = nullptr;
    login::picked_backend backend;
    bool is_to_come_later = false;
  };
  // All are called on the control thread.
  struct surroundings {
    // What it does not know of the backends by itself yet, and the predecessor does, in words; or nothing.
    std::function<std::string()> what_is_missing;
    // newest: what the predecessor's ids of sessions go up to.
    std::function<void(session::session_id newest)> start_accepting;
    std::function<std::vector<place>(const std::vector<session::carried_session>&)> find_places;
    std::function<void(std::uint64_t sessions)> on_over;
    std::function<void(const std::string& why)> on_refused;
    std::function<void(const std::string& why)> on_disowned;
  };

  take_over(boost::asio::io_context& control, net::unique_fd connected, surroundings around);
  ~take_over();
  take_over(const take_over&) = delete;
  take_over& operator=(const take_over&) = delete;

  // Blocks for some seconds at most. Errors: errc::peer_gone: there is nobody any more; why else there is
  // nothing to take over: failure().
  [[nodiscard]] result<void> receive_offer();
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] const succession::offer& offer() const noexcept { return offer_; }
  [[nodiscard]] net::inherited_sockets take_sockets() { return std::move(sockets_); }
  // This process cannot be started.
  void refuse(const std::string& why);
  void begin();
  // The thread ends, wherever it is. The control thread may end then.
  void abandon();

 private:
  enum class standing { alone, heir, refused };

  void run();
  // Why it is not, or nothing.
  [[nodiscard]] std::string wait_until_ready();
  [[nodiscard]] standing agree(std::string& why);
  // Why the predecessor has let this one down, or nothing: it has said that it has nothing more, or has
  // ended.
  [[nodiscard]] std::string take_sessions();
  [[nodiscard]] std::string take_batch(succession::session_batch batch);
  // After a failure to send: it has ended, and decides nothing any more.
  [[nodiscard]] bool has_predecessor_ended();

  const surroundings around_;
  control_calls calls_;
  succession::parcel_socket peer_;
  succession::offer offer_;
  net::inherited_sockets sockets_;
  std::string failure_;
  std::uint64_t sessions_ = 0;  // taken over
  session::session_id newest_session_;
  std::atomic<bool> is_abandoned_{false};
  std::thread thread_;
};

}  // namespace pgsteer::server
