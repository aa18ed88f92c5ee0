#include "support/test_proxy.hpp"

#include <boost/json/parse.hpp>
#include <future>
#include <sstream>
#include <stdexcept>

#include "support/data_plane.hpp"
#include "support/eventually.hpp"
#include "support/fake_client.hpp"

namespace pgsteer::test {

namespace {

using routing::target_session_attrs;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Half of patience: a login that is held in vain ends with the words of pgsteer, not with the test's.
constexpr seconds unhurried{30};

runtime::listener_options listener(std::string name, target_session_attrs route, duration hold_timeout) {
  runtime::listener_options options;
  options.name = std::move(name);
  options.bind = {"127.0.0.1", 0};
  options.policy.route = route;
  options.hold_timeout = hold_timeout;
  return options;
}

config::config make_config(std::vector<endpoint> backends) {
  config::config options;
  discovery::static_options discovery;
  discovery.backends = std::move(backends);
  options.discovery = discovery;
  options.probe.interval = milliseconds{50};
  options.probe.burst_interval = milliseconds{10};
  options.probe.timeout = unhurried;
  options.probe.late_after = unhurried;
  options.probe.sslmode = "disable";  // a fake's answer to SSLRequest is for sessions
  options.topology.role_ttl = unhurried;
  options.topology.dead_after = beyond_patience;
  options.runtime.listeners = {listener("rw", target_session_attrs::primary, unhurried),
                               listener("ro", target_session_attrs::prefer_standby, unhurried),
                               listener("impatient", target_session_attrs::primary, milliseconds{300})};
  options.runtime.first_query_time_of_drain = milliseconds{100};
  options.runtime.login.startup_timeout = beyond_patience;
  options.runtime.login.connect_timeout = unhurried;
  options.runtime.login.login_timeout = beyond_patience;
  options.runtime.login.cancel_timeout = unhurried;
  options.admin.bind = {"127.0.0.1", 0};
  options.log.level = log_level::info;
  options.workers = 2;
  options.relay.engine = tested_engine();
  options.drain_timeout = beyond_patience;
  return options;
}

// name{a="b",c="d"} value; the values in these tests hold no escaped quotes.
bool has_labels(const std::string& series, const test_proxy::labels& wanted) {
  for (const auto& [label, value] : wanted) {
    if (series.find(label + "=\"" + value + "\"") == std::string::npos) return false;
  }
  return true;
}

std::size_t eligible(const boost::json::array& backends, const char* key) {
  std::size_t n = 0;
  for (const auto& backend : backends) n += backend.at(key).as_bool() ? 1 : 0;
  return n;
}

}  // namespace

test_proxy::test_proxy(std::vector<endpoint> backends, const adjustment& adjust,
                       const std::string& take_over_from) {
  options_ = make_config(std::move(backends));
  if (adjust) adjust(options_);
  start(take_over_from);
}

test_proxy::test_proxy(const test_proxy& predecessor, const adjustment& adjust)
    : options_(predecessor.options_) {
  for (const auto& each : options_.runtime.listeners)
    inherited_[each.name] = predecessor.address_of(each.name);
  inherited_["admin"] = predecessor.address_of("admin");
  const std::string control = options_.control.socket;
  if (adjust) adjust(options_);
  start(control);
}

endpoint test_proxy::address_of(std::string_view name) const {
  const auto known = inherited_.find(name);
  return known != inherited_.end() ? known->second : server_->bound_endpoint(name);
}

void test_proxy::start(const std::string& take_over_from) {
  const std::size_t workers = options_.workers;
  const bool is_tested_engine = options_.relay.engine == tested_engine();
  const std::size_t rings = open_rings();
  server::config_source source{.file = {}, .read = [this] { return options_; }};
  source.take_over_from = take_over_from;
  server_ = std::make_unique<server::server>(options_, std::move(source));
  if (!server_->start()) throw std::runtime_error("server did not start: " + server_->failure());
  if (is_tested_engine) {
    if (const std::string wrong = wrong_engine(workers, open_rings() - rings); !wrong.empty())
      throw std::runtime_error(wrong);
  }
  thread_ = std::thread([this] {
    exit_code_ = server_->run(false);
    has_ended_ = true;
  });
}

test_proxy::~test_proxy() {
  stop();
}

admin::reload_report test_proxy::reload(const adjustment& adjust) {
  const config::config before = options_;
  adjust(options_);
  std::promise<admin::reload_report> done;
  server_->request_reload([&](const admin::reload_report& report) { done.set_value(report); });
  admin::reload_report report = done.get_future().get();
  if (report.what != admin::reload_report::outcome::applied) options_ = before;
  return report;
}

int test_proxy::wait_for_exit() {
  if (!eventually(patience, [this] { return has_ended(); })) return -1;
  return exit_code_;
}

int test_proxy::stop() {
  if (!thread_.joinable()) return exit_code_;
  request_stop();
  request_stop();
  thread_.join();
  return exit_code_;
}

http_answer test_proxy::admin_get(const std::string& path) const {
  fake_client client(address_of("admin"));
  client.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_until_end().bytes;
  const std::size_t head_end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || head_end == std::string::npos) return {};
  return {std::stoi(answer.substr(answer.find(' ') + 1, 3)), answer.substr(head_end + 4)};
}

boost::json::value test_proxy::topology() const {
  return boost::json::parse(admin_get("/api/v1/topology").body);
}

bool test_proxy::wait_for_backends(std::size_t rw_eligible, std::size_t ro_eligible) const {
  return eventually(patience, [&] {
    const boost::json::value seen = topology();
    const auto& backends = seen.at("backends").as_array();
    return eligible(backends, "rw_eligible") == rw_eligible &&
           eligible(backends, "ro_eligible") == ro_eligible;
  });
}

bool test_proxy::wait_for_primary(const endpoint& address) const {
  return eventually(patience, [&] {
    const boost::json::value seen = topology();
    const auto* primary = seen.at("primary").if_string();
    return (primary != nullptr ? std::string(*primary) : std::string()) == to_string(address);
  });
}

double test_proxy::metric(const std::string& name, const labels& wanted) const {
  return metric_in(admin_get("/metrics").body, name, wanted);
}

double test_proxy::closed(const std::string& listener_name, const std::string& reason) const {
  return metric("pgsteer_sessions_closed_total", {{"listener", listener_name}, {"reason", reason}});
}

bool test_proxy::wait_for_closed(const std::string& listener_name, const std::string& reason,
                                 double n) const {
  return eventually(patience, [&] { return closed(listener_name, reason) == n; });
}

bool test_proxy::wait_for_metric(const std::string& name, const labels& wanted, double value) const {
  return eventually(patience, [&] { return metric(name, wanted) == value; });
}

bool test_proxy::accounts_balance() const {
  return eventually(patience, [this] {
    const std::string text = admin_get("/metrics").body;
    const double accepted = metric_in(text, "pgsteer_sessions_accepted_total", {});
    const double active = metric_in(text, "pgsteer_sessions", {});
    return accepted == active + metric_in(text, "pgsteer_sessions_closed_total", {});
  });
}

std::string who_answers(const endpoint& target) {
  fake_client client(target);
  const login_outcome login = client.startup();
  if (!login.is_logged_in) return login.sqlstate.empty() ? "no login" : login.sqlstate;
  const std::string name = client.query("whoami").value();
  client.send(wire::terminate());
  return name;
}

void hurry_probes(config::config& options) {
  options.probe.late_after = milliseconds{100};
  options.probe.timeout = milliseconds{500};
}

double metric_in(const std::string& text, const std::string& name, const test_proxy::labels& wanted) {
  std::istringstream lines(text);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.size() <= name.size()) continue;
    const char after = line[name.size()];
    if (after != '{' && after != ' ') continue;
    const std::size_t value = line.rfind(' ');
    if (has_labels(line.substr(0, value), wanted)) sum += std::stod(line.substr(value + 1));
  }
  return sum;
}

fake_cluster::fake_cluster(std::size_t standbys) {
  members_.push_back(std::make_unique<fake_postgres>("primary", primary_role()));
  for (std::size_t i = 1; i <= standbys; ++i) {
    members_.push_back(std::make_unique<fake_postgres>("standby-" + std::to_string(i), standby_role()));
  }
}

std::vector<endpoint> fake_cluster::endpoints() const {
  std::vector<endpoint> all;
  for (const auto& member : members_) all.push_back(member->address());
  return all;
}

std::uint64_t fake_cluster::session_connections() const {
  std::uint64_t sum = 0;
  for (const auto& member : members_) sum += member->counters().session_connections;
  return sum;
}

std::uint64_t fake_cluster::open_sessions() const {
  std::uint64_t sum = 0;
  for (const auto& member : members_) sum += member->counters().open_sessions;
  return sum;
}

}  // namespace pgsteer::test
