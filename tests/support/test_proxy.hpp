#pragma once
// test_proxy: a whole server::server on loopback, on free ports, in a thread of its own.
//
// Not the pgsteer program: no configuration file, no signals. Made for fakes: it probes every 50 ms. Its
// deadlines are so long that none acts because the machine is slow; a test about one shortens that one. It
// relays as this run of the tests wants (support/data_plane.hpp), and throws if it does not. Any thread, but
// stop() from one.
//
// Flow: test_proxy(backends, adjust) runs at once -> wait_for_backends() -> endpoints -> stop() or
// destructor.
#include <atomic>
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/config/config.hpp"
#include "pgsteer/server/server.hpp"
#include "support/fake_postgres.hpp"

namespace pgsteer::test {

struct http_answer {
  int status = 0;
  std::string body;
};

class test_proxy {
 public:
  using adjustment = std::function<void(config::config&)>;
  using labels = std::vector<std::pair<std::string, std::string>>;

  // take_over_from: the control socket of whom, if anybody.
  explicit test_proxy(std::vector<endpoint> backends, const adjustment& adjust = {},
                      const std::string& take_over_from = {});
  // One that takes over from predecessor, whose control socket is set, on the same ports; the configuration
  // is that one's, but for what adjust makes of it.
  test_proxy(const test_proxy& predecessor, const adjustment& adjust);
  ~test_proxy();
  test_proxy(const test_proxy&) = delete;
  test_proxy& operator=(const test_proxy&) = delete;

  // Listener "rw" (primary), "ro" (prefer-standby) and "impatient": as rw, but what finds no backend is told
  // so soon.
  [[nodiscard]] endpoint rw() const { return address_of("rw"); }
  [[nodiscard]] endpoint ro() const { return address_of("ro"); }
  [[nodiscard]] endpoint impatient() const { return address_of("impatient"); }
  [[nodiscard]] endpoint address_of(std::string_view name) const;
  [[nodiscard]] const config::config& options() const noexcept { return options_; }

  // Takes in what adjust makes of the present configuration; what became of it.
  admin::reload_report reload(const adjustment& adjust);

  // Until so many backends take rw and ro sessions, and every backend has been probed.
  [[nodiscard]] bool wait_for_backends(std::size_t rw_eligible, std::size_t ro_eligible) const;
  // Until the topology calls this backend the primary ("" waits for none).
  [[nodiscard]] bool wait_for_primary(const endpoint& address) const;

  [[nodiscard]] http_answer admin_get(const std::string& path) const;
  [[nodiscard]] boost::json::value topology() const;
  // The sum over every series of this name that carries all these labels; 0 if there is none.
  [[nodiscard]] double metric(const std::string& name, const labels& wanted = {}) const;
  // Sessions of this listener that ended for this reason.
  [[nodiscard]] double closed(const std::string& listener, const std::string& reason) const;
  // A client sees its end before it is counted, so tests wait for the count.
  [[nodiscard]] bool wait_for_closed(const std::string& listener, const std::string& reason, double n) const;
  [[nodiscard]] bool wait_for_metric(const std::string& name, const labels& wanted, double value) const;

  // Until every session is accounted for once: accepted == active + the sum over the close reasons.
  [[nodiscard]] bool accounts_balance() const;

  // As the first SIGTERM does; a second call, the second.
  void request_stop() { server_->request_stop(); }
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  // The exit code, or -1 if the server did not end within patience. Does not ask for it.
  [[nodiscard]] int wait_for_exit();
  // Stops at once and returns the exit code.
  int stop();

 private:
  void start(const std::string& take_over_from);

  config::config options_;
  std::map<std::string, endpoint, std::less<>> inherited_;  // of one that takes over, which opens them later
  std::unique_ptr<server::server> server_;
  std::atomic<bool> has_ended_{false};
  int exit_code_ = -1;  // written before has_ended_
  std::thread thread_;
};

// For tests about silent backends: a late answer is noticed soon, a missing one given up soon.
void hurry_probes(config::config& options);

// Of the series that count by listener.
inline const test_proxy::labels rw_label{{"listener", "rw"}};
inline const test_proxy::labels ro_label{{"listener", "ro"}};

// The sum over every series of this name with all these labels, in Prometheus text format 0.0.4.
[[nodiscard]] double metric_in(const std::string& text, const std::string& name,
                               const test_proxy::labels& wanted);

// Logs in, asks and leaves: the name of the backend that answers, else the SQLSTATE or how it ended.
[[nodiscard]] std::string who_answers(const endpoint& target);

// One primary and so many standbys, all on timeline 1, named "primary", "standby-1", ...
class fake_cluster {
 public:
  explicit fake_cluster(std::size_t standbys);

  [[nodiscard]] fake_postgres& primary() { return *members_.front(); }
  [[nodiscard]] fake_postgres& standby(std::size_t number) { return *members_.at(number); }  // from 1
  [[nodiscard]] std::vector<endpoint> endpoints() const;
  // Session connections that any of them has seen.
  [[nodiscard]] std::uint64_t session_connections() const;
  [[nodiscard]] std::uint64_t open_sessions() const;

 private:
  std::vector<std::unique_ptr<fake_postgres>> members_;
};

}  // namespace pgsteer::test
