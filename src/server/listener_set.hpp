#pragma once
// listener_set: the listeners, their sockets and counters, at start and whenever the configuration changes.
//
// Each listener has a place, which is that of its options among runtime::options::listeners. One that was
// removed keeps its place until its last session is over, since that goes by its options. Control thread; the
// sockets are used on the accepting thread, which is the worker's where there is only one.
//
// Flow: prepare(what is wanted) binds what is new, and may fail -> the workers are given next.options ->
// carry_out(next) serves it and closes the rest -> stop().
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/net/inherited_sockets.hpp"
#include "pgsteer/runtime/publication.hpp"
#include "pgsteer/story/failover_story.hpp"
#include "server/acceptor.hpp"
#include "server/worker.hpp"

namespace pgsteer::server {

class listener_set {
 public:
  listener_set(boost::asio::io_context& control, const runtime::publication& publication,
               const std::vector<std::unique_ptr<worker>>& workers, login::permit_pools& permits);

  // Sockets that are bound and listen, and nobody accepts from yet; closed with this unless it is carried
  // out.
  struct opened {
    net::listening_socket socket;
    bool is_kept_open;  // as in net::inherited_socket
  };
  struct change {
    std::vector<runtime::listener_options> options;  // by place
    net::tcp_options tcp;
    // By place: the socket that a listener has from now on, one that was bound for it or another's before.
    struct door {
      std::optional<opened> made;
      const acceptor* kept = nullptr;
    };
    std::vector<door> doors;
  };
  // A socket whose address is still wanted is kept, whoever has it then, and with it the clients that wait
  // there. Errors: errc::cannot_listen, with the reason in failure().
  // before: sockets of ours that a listener may follow, as in net::listen(). inherited: used before any is
  // bound.
  [[nodiscard]] result<change> prepare(std::vector<runtime::listener_options> wanted,
                                       const net::tcp_options& tcp, std::span<const int> before,
                                       net::inherited_sockets& inherited);
  void carry_out(change next);
  // Accepts whoever is waiting, and nobody any more; on_closed is called on the control thread after that.
  void stop(std::function<void()> on_closed);
  // Accepts nobody for now; who comes waits in the queues, for this or another process.
  void suspend();
  void resume();
  // Once the threads of the workers have ended: a socket may be of a worker's context.
  void destroy_sockets() noexcept;

  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  struct served {
    const session::listener_state& state;
    endpoint address;  // with the real port
  };
  [[nodiscard]] std::vector<served> all_served() const;
  // Also of those that were removed and have sessions yet.
  [[nodiscard]] std::vector<const session::listener_state*> all() const;
  // Of all, those that were removed included.
  [[nodiscard]] story::login_totals count_logins() const;
  // For whoever is to follow one of them: net::listen().
  [[nodiscard]] std::vector<int> sockets() const;
  // To be handed over: each with its name and address as configured.
  struct handed {
    std::string name;
    endpoint bind;
    int fd;
    bool is_kept_open;  // as in net::inherited_socket
  };
  [[nodiscard]] std::vector<handed> all_handed() const;
  // For a session that is carried on here. Null: none has that name.
  [[nodiscard]] session::listener_state* find(std::string_view name) const;
  // Nothing: none has that name.
  [[nodiscard]] std::optional<endpoint> address_of(std::string_view name) const;

 private:
  struct entry {
    std::unique_ptr<session::listener_state> state;  // null: the place is free
    std::unique_ptr<acceptor> socket;                // null: removed
    endpoint bind;                                   // as configured
  };
  [[nodiscard]] std::size_t place_for(const std::string& name, const change& next) const;
  [[nodiscard]] const acceptor* socket_on(const runtime::listener_options& wanted) const;
  [[nodiscard]] result<opened> bind(const runtime::listener_options& wanted, const net::tcp_options& tcp,
                                    std::span<const int> before, net::inherited_sockets& inherited);
  void move_sockets(change& next);
  void close(std::unique_ptr<acceptor> socket);
  void finish_closing();
  void forget_removed();
  static void add(story::login_totals& to, const session::listener_state& of);
  [[nodiscard]] bool is_workers_own() const { return workers_.size() == 1; }
  void on_accepting_thread(const std::function<void()>& action);
  [[nodiscard]] boost::asio::io_context& context() const;

  boost::asio::io_context& control_;
  const runtime::publication& publication_;
  const std::vector<std::unique_ptr<worker>>& workers_;
  login::permit_pools& permits_;
  std::vector<entry> entries_;  // by place
  std::vector<std::weak_ptr<acceptor>> closing_;
  story::login_totals gone_;  // of those whose place is free again
  boost::asio::steady_timer removed_timer_;
  std::string failure_;
};

}  // namespace pgsteer::server
