// The pgsteer program: run, check, fence, reload, upgrade, config, backend, drain, sessions, session, status.
// Exit codes: 0 success, 2 wrong usage or configuration, 1 cannot start; the others say their own
// (fence/fence_command.hpp, admin/control_command.hpp, admin/order_command.hpp, admin/session_command.hpp,
// admin/status_command.hpp).
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <limits>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "config/units.hpp"
#include "pgsteer/admin/control_command.hpp"
#include "pgsteer/admin/order_command.hpp"
#include "pgsteer/admin/session_command.hpp"
#include "pgsteer/admin/status_command.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/config/config.hpp"
#include "pgsteer/fence/fence_command.hpp"
#include "pgsteer/server/server.hpp"

namespace {

constexpr int exit_cannot_start = 1;
constexpr int exit_usage = 2;

// What is closed of them would be the number of the next descriptor that is opened, and the log's lines would
// go there.
void open_standard_streams() {
  int opened = 0;
  do opened = ::open("/dev/null", O_RDWR | O_NOCTTY);
  while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened >= 0) ::close(opened);
}

// A new version that was put in its place is what an upgrade starts.
std::string own_binary() {
  std::error_code ec;
  return std::filesystem::read_symlink("/proc/self/exe", ec).string();
}

int serve(const pgsteer::config::config& options, const std::string& file,
          const std::string& take_over_from) {
  pgsteer::server::server server(options, {.file = file,
                                           .read = [file] { return pgsteer::config::load_file(file); },
                                           .binary = own_binary(),
                                           .take_over_from = take_over_from});
  if (const auto started = server.start(); !started) {
    // In one piece: the log's thread writes there too.
    std::cerr << "pgsteer: cannot start: " + server.failure() + "\n";
    return exit_cannot_start;
  }
  return server.run(true);
}

struct take_over_request {
  bool is_wanted = false;
  std::string control_socket;  // empty: as configured
};

int run(const std::string& file, const take_over_request& wanted) {
  const pgsteer::config::config options = pgsteer::config::load_file(file);
  // A peer that is gone must show as EPIPE on its own session, not end the process.
  std::signal(SIGPIPE, SIG_IGN);
  // From here on they wait until the server handles them; every thread inherits this.
  pgsteer::server::block_signals();
  pgsteer::start_logging(options.log);
  std::string take_over_from;
  if (wanted.is_wanted)
    take_over_from = wanted.control_socket.empty() ? options.control.socket : wanted.control_socket;
  if (wanted.is_wanted && take_over_from.empty()) {
    std::cerr << file + ": control.socket: expected a path, found none: there is nobody to take over from\n";
    return exit_usage;
  }
  const int exit_code = serve(options, file, take_over_from);
  if (!pgsteer::stop_logging()) std::_Exit(exit_code);
  return exit_code;
}

int check(const std::string& file, bool without_files) {
  const pgsteer::config::config options = pgsteer::config::load_file(file);
  if (!without_files) {
    auto problems = pgsteer::config::unusable_paths(options, file);
    if (!problems.empty()) throw pgsteer::config::config_error(std::move(problems));
  }
  std::cout << file << ": configuration is valid\n" << pgsteer::config::summary(options);
  return EXIT_SUCCESS;
}

int fence(const std::string& file, const pgsteer::fence::fence_request& request) {
  const pgsteer::config::config options = pgsteer::config::load_file(file);
  if (options.state_dir.empty()) {
    std::cerr << file << ": cluster.state_dir: expected a folder, found none: nothing is remembered\n";
    return exit_usage;
  }
  return pgsteer::fence::run_fence(options.state_dir, request, std::cout, std::cerr);
}

// `pgsteer sessions` and `pgsteer session kill`.
class session_commands {
 public:
  explicit session_commands(CLI::App& app)
      : list(app.add_subcommand("sessions", "Show the live sessions of a running pgsteer")) {
    list->add_option("--sort", sort_, "age: the oldest first; bytes: who has moved most first")
        ->capture_default_str()
        ->check([](const std::string& word) {
          return word == "age" || word == "bytes" ? "" : "expected age or bytes, found \"" + word + "\"";
        })
        ->type_name("WORD");
    list->add_option("--backend", wanted_.backend, "Only those of this backend, by its name or address")
        ->type_name("ADDRESS");
    list->add_option("--user", wanted_.user, "Only those of this user")->type_name("NAME");
    list->add_flag("--json", wanted_.as_json, "For programs: one object, times in ms");
    auto* one = app.add_subcommand("session", "Do something to one session of a running pgsteer");
    one->require_subcommand(1);
    kill = one->add_subcommand("kill", "End it, and what its backend does for it");
    kill->add_option("ID", id_, "As `pgsteer sessions` and the log show it")->required()->type_name("");
  }
  [[nodiscard]] bool is_asked() const { return list->parsed() || kill->parsed(); }
  [[nodiscard]] int run(const std::string& control_socket) const {
    if (kill->parsed()) return pgsteer::admin::run_session_kill(control_socket, id_, std::cout, std::cerr);
    using order = pgsteer::admin::sessions_request::order;
    pgsteer::admin::sessions_request wanted = wanted_;
    wanted.sort = sort_ == "bytes" ? order::bytes : order::age;
    return pgsteer::admin::run_sessions(control_socket, wanted, std::cout, std::cerr);
  }

  CLI::App* list;
  CLI::App* kill = nullptr;

 private:
  pgsteer::admin::sessions_request wanted_;
  std::string sort_ = "age";
  std::string id_;
};

// Empty if it is one.
std::string why_no_order_time(const std::string& text) {
  using namespace pgsteer;
  const auto time = config::parse_duration(text);
  if (time && *time >= topology::order_time_min && *time <= topology::order_time_max) return {};
  return "expected a duration from " + config::duration_text(topology::order_time_min) + " to " +
         config::duration_text(topology::order_time_max) + " (units: " + std::string(config::duration_units) +
         "), found \"" + text + '"';
}

void add_control_option(CLI::App* command, std::string& control_socket) {
  command->add_option("--control", control_socket, "Its control.socket")
      ->capture_default_str()
      ->envname("PGSTEER_CONTROL")
      ->type_name("PATH");
}

// `pgsteer backend disable|drain|resume ADDR [--for TIME]` and `pgsteer drain`.
class order_commands {
 public:
  order_commands(CLI::App& app, std::string& control_socket)
      : control_socket_(control_socket),
        backend_(app.add_subcommand("backend", "Keep new sessions from one backend of a running pgsteer")),
        drain_all_(app.add_subcommand("drain", "Have a running pgsteer drain and end, as SIGTERM does")),
        disable_(add("disable", "It takes no new session; those that it has stay")),
        drain_(add("drain", "It takes no new session; those that it has end when they are idle")),
        resume_(add("resume", "It takes sessions again as ever")) {
    backend_->require_subcommand(1);
    for (auto* command : {disable_, drain_}) {
      command->add_option("--for", time_, "How long (10m); without it until it is resumed")
          ->check(CLI::Validator(why_no_order_time, ""))
          ->type_name("DURATION");
    }
    add_control_option(drain_all_, control_socket_);
  }
  [[nodiscard]] bool is_parsed() const { return backend_->parsed() || drain_all_->parsed(); }
  int run() {
    using kind = pgsteer::topology::operator_order::kind;
    if (drain_all_->parsed()) return pgsteer::admin::run_drain(control_socket_, std::cout, std::cerr);
    if (!resume_->parsed()) order_.wanted = drain_->parsed() ? kind::drain : kind::disable;
    if (!time_.empty()) order_.time = pgsteer::config::parse_duration(time_);
    return pgsteer::admin::run_backend_order(control_socket_, order_, time_, std::cout, std::cerr);
  }

 private:
  CLI::App* add(const char* name, const char* about) {
    auto* command = backend_->add_subcommand(name, about);
    command->add_option("ADDR", order_.backend, "Its name or address, as pgsteer status shows it")
        ->required();
    add_control_option(command, control_socket_);
    return command;
  }

  std::string& control_socket_;
  pgsteer::admin::backend_order order_;
  std::string time_;
  CLI::App* backend_;
  CLI::App* drain_all_;
  CLI::App* disable_;
  CLI::App* drain_;
  CLI::App* resume_;
};

int parse_and_dispatch(int argc, char** argv) {
  CLI::App app("PostgreSQL-aware TCP proxy: port 5432 is the primary, port 5433 a healthy standby",
               "pgsteer");
  app.set_version_flag("--version", "pgsteer " PGSTEER_VERSION);
  app.require_subcommand(1);
  std::string file;
  std::string admin_url = "http://127.0.0.1:9464";
  auto* run_command = app.add_subcommand("run", "Serve until SIGTERM or SIGINT, then drain");
  take_over_request take_over;
  auto* take_over_flag = run_command->add_flag(
      "--take-over", take_over.is_wanted,
      "Take everything over from the pgsteer that runs, its sessions too; start as usual if there is none");
  run_command
      ->add_option("--control", take_over.control_socket, "Its control.socket, if not the configured one")
      ->needs(take_over_flag)
      ->type_name("PATH");
  auto* check_command =
      app.add_subcommand("check", "Say what is wrong with a configuration file, all at once");
  bool without_files = false;
  check_command->add_flag("--no-files", without_files,
                          "Do not look at the files and folders that it names, which are on another machine");
  auto* fence_command = app.add_subcommand("fence", "Show what cluster.state_dir remembers of the fence");
  pgsteer::fence::fence_request request;
  auto* lower_to = fence_command->add_option(
      "--lower-to", request.lower_to, "After a point-in-time recovery: remember this timeline instead");
  lower_to->type_name("TIMELINE")->check(CLI::Range(1U, std::numeric_limits<std::uint32_t>::max()));
  fence_command->add_flag("--forget", request.forget, "Remember nothing, of the cluster's identity neither")
      ->excludes(lower_to);
  for (auto* command : {run_command, check_command, fence_command})
    command->add_option("--config", file, "Configuration file (YAML)")->required()->type_name("FILE");
  std::string control_socket = pgsteer::admin::usual_control_socket;
  auto* reload_command =
      app.add_subcommand("reload", "Have a running pgsteer take in its configuration file, all or nothing");
  auto* upgrade_command = app.add_subcommand(
      "upgrade", "Have a running pgsteer replaced by a new process, which gets its live sessions");
  std::string binary;
  upgrade_command->add_option("--binary", binary, "The program to start, if not the one that runs")
      ->check(CLI::ExistingFile)
      ->type_name("PATH");
  auto* config_command = app.add_subcommand(
      "config", "Show the configuration that a running pgsteer goes by, defaults included");
  const session_commands sessions(app);
  for (auto* command : {reload_command, upgrade_command, config_command, sessions.list, sessions.kill})
    add_control_option(command, control_socket);
  order_commands orders(app, control_socket);
  auto* status_command = app.add_subcommand("status", "Show the backends of a running pgsteer");
  status_command->add_option("--admin", admin_url, "Its admin address")
      ->capture_default_str()
      ->type_name("URL");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 prints help, version or the complaint; its own exit codes are many.
    return app.exit(error) == EXIT_SUCCESS ? EXIT_SUCCESS : exit_usage;
  }
  if (run_command->parsed()) return run(file, take_over);
  if (check_command->parsed()) return check(file, without_files);
  if (fence_command->parsed()) return fence(file, request);
  if (reload_command->parsed()) return pgsteer::admin::run_reload(control_socket, std::cout, std::cerr);
  if (upgrade_command->parsed()) {
    if (!binary.empty()) binary = std::filesystem::absolute(binary).string();
    return pgsteer::admin::run_upgrade(control_socket, binary, std::cout, std::cerr);
  }
  if (sessions.is_asked()) return sessions.run(control_socket);
  if (orders.is_parsed()) return orders.run();
  if (config_command->parsed()) return pgsteer::admin::run_config(control_socket, std::cout, std::cerr);
  return pgsteer::admin::run_status(admin_url, std::cout, std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  try {
    return parse_and_dispatch(argc, argv);
  } catch (const pgsteer::config::config_error& error) {
    std::cerr << error.what() << '\n';
    return exit_usage;
  } catch (const std::exception& error) {
    std::cerr << "pgsteer: " << error.what() << '\n';
    return exit_cannot_start;
  }
}
