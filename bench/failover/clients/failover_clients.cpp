// Clients of a failover, timed: failover_clients ROLE --name value ...
//
// Roles: oracle (oracle.hpp), logins (login_storm.hpp), writers (writers.hpp). Output: JSON, one line an
// event, times in seconds of CLOCK_MONOTONIC. SIGTERM ends it: logins on their way get --drain seconds.
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <stdexcept>

#include "clients/login_storm.hpp"
#include "clients/oracle.hpp"
#include "clients/writers.hpp"

namespace pgsteer::bench {

std::atomic<bool> is_stopping{false};

std::string write_statement(const client_options& options, std::uint64_t value) {
  return "insert into " + options.table + " (value) values (" + std::to_string(value) +
         ") returning host(inet_server_addr()) || ':' || inet_server_port()";
}

namespace {

using setter = std::function<void(client_options&, const std::string&)>;

const std::map<std::string, setter>& setters() {
  static const std::map<std::string, setter> all{
      {"--ip", [](client_options& o, const std::string& v) { o.ip = v; }},
      {"--port",
       [](client_options& o, const std::string& v) { o.port = static_cast<std::uint16_t>(std::stoi(v)); }},
      {"--user", [](client_options& o, const std::string& v) { o.who.user = v; }},
      {"--database", [](client_options& o, const std::string& v) { o.who.database = v; }},
      {"--password", [](client_options& o, const std::string& v) { o.password = v; }},
      {"--table", [](client_options& o, const std::string& v) { o.table = v; }},
      {"--first-value", [](client_options& o, const std::string& v) { o.first_value = std::stoull(v); }},
      {"--rate", [](client_options& o, const std::string& v) { o.rate = std::stod(v); }},
      {"--count", [](client_options& o, const std::string& v) { o.count = std::stoull(v); }},
      {"--at-once",
       [](client_options& o, const std::string& v) {
         o.is_at_once = true;
         o.count = std::stoull(v);
       }},
      {"--sessions",
       [](client_options& o, const std::string& v) { o.sessions = static_cast<unsigned>(std::stoul(v)); }},
      {"--interval", [](client_options& o, const std::string& v) { o.interval_seconds = std::stod(v); }},
      {"--patience", [](client_options& o, const std::string& v) { o.patience_seconds = std::stod(v); }},
      {"--drain", [](client_options& o, const std::string& v) { o.drain_seconds = std::stod(v); }}};
  return all;
}

client_options read_options(int argc, char** argv) {
  client_options options;
  for (int i = 2; i < argc; i += 2) {
    const auto found = setters().find(argv[i]);
    if (found == setters().end() || i + 1 == argc)
      throw std::invalid_argument(std::string("unknown or without a value: ") + argv[i]);
    found->second(options, argv[i + 1]);
  }
  if (options.ip.empty() || options.port == 0 || options.who.user.empty())
    throw std::invalid_argument("--ip, --port and --user are needed");
  return options;
}

int run(const std::string& role, const client_options& options) {
  if (role == "oracle") return run_oracle(options);
  if (role == "logins") return login_storm(options).run();
  if (role == "writers") return run_writers(options);
  throw std::invalid_argument("a role: oracle, logins or writers");
}

}  // namespace
}  // namespace pgsteer::bench

int main(int argc, char** argv) {
  struct sigaction stop {};
  stop.sa_handler = [](int) { pgsteer::bench::is_stopping = true; };
  sigaction(SIGTERM, &stop, nullptr);
  sigaction(SIGINT, &stop, nullptr);
  try {
    const std::string role = argc > 1 ? argv[1] : "";
    return pgsteer::bench::run(role, pgsteer::bench::read_options(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "failover_clients: %s\n", error.what());
    return 2;
  }
}
