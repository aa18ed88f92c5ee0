#pragma once
// hand_over: gives everything that this process has to its successor: what it knows of the backends, its
// listening sockets, and every session that bytes are relayed for.
//
// Decides nothing about sessions; has a thread of its own, which waits for the successor. Public functions
// are the control thread's.
//
// Flow: begin(connection) -> the successor is told all that is known -> it says that it is ready ->
// stop_accepting -> sessions go in batches, each of them the successor's from the instant in which it has
// said so -> on_given once -> those that were still logging in follow -> on_over: no session is left. If the
// successor refuses, ends or is silent at any step, on_failed follows instead, and whatever it does not own
// goes on here.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "pgsteer/net/inherited_sockets.hpp"
#include "pgsteer/succession/offer.hpp"
#include "pgsteer/succession/parcel_socket.hpp"
#include "server/control_calls.hpp"
#include "server/worker.hpp"

namespace pgsteer::server {

class hand_over {
 public:
  struct result_of {
    std::int64_t pid = 0;
    std::uint64_t sessions = 0;
    duration took{};
    duration giving{};  // of it, since the successor was ready
  };
  // All but session_count are called on the control thread.
  struct surroundings {
    std::function<succession::offer()> offer;
    std::function<std::vector<net::inherited_socket>()> sockets;
    // Empty: everybody who comes is the successor's from now on; else why not.
    std::function<std::string()> stop_accepting;
    std::function<session::session_id()> newest_session;  // after that
    std::function<void()> resume_accepting;
    std::function<void(std::vector<session::carried_session>)> take_back;
    std::function<void(const result_of&)> on_given;
    // Sessions that the successor did not want.
    std::function<void()> on_left;
    std::function<void()> on_over;
    std::function<void(const std::string& why)> on_failed;
    std::function<std::size_t()> session_count;  // any thread
  };
  hand_over(boost::asio::io_context& control, const std::vector<std::unique_ptr<worker>>& workers,
            surroundings around);
  ~hand_over();
  hand_over(const hand_over&) = delete;
  hand_over& operator=(const hand_over&) = delete;

  // Precondition: !is_under_way().
  void begin(net::unique_fd connected);
  // The thread ends, wherever it is. The control thread may end then.
  void abandon();
  [[nodiscard]] bool is_under_way() const noexcept { return thread_.joinable() && !is_finished_; }
  // The listening sockets are the successor's.
  [[nodiscard]] bool has_given_sockets() const noexcept { return has_given_sockets_; }

 private:
  class outbox;

  void run();
  // Empty: it is ready and everybody who comes is its own. Else why it is not.
  [[nodiscard]] std::string agree();
  [[nodiscard]] std::string offer_all();
  [[nodiscard]] std::string give_sessions();
  [[nodiscard]] std::string give(std::vector<session::carried_session>& batch);
  [[nodiscard]] std::vector<session::carried_session> next_batch();
  void fail(std::string why);

  const std::vector<std::unique_ptr<worker>>& workers_;
  const surroundings around_;
  control_calls calls_;
  std::unique_ptr<succession::parcel_socket> peer_;
  // Of attempts that came to nothing: a successor takes the end of its connection for the end of this
  // process.
  std::vector<std::unique_ptr<succession::parcel_socket>> peers_before_;
  std::shared_ptr<outbox> outbox_;
  result_of given_;
  time_point began_{};
  time_point agreed_at_{};
  std::uint64_t batch_ = 0;
  bool has_told_given_ = false;
  bool has_given_sockets_ = false;  // control thread
  std::atomic<bool> is_abandoned_{false};
  std::atomic<bool> is_finished_{false};
  std::thread thread_;
};

}  // namespace pgsteer::server
