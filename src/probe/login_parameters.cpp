#include "probe/login_parameters.hpp"

#include <boost/system/errc.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "pgsteer/base/small_file.hpp"

namespace pgsteer::probe {
namespace {

unreadable_password unreadable(const std::string& path, const error_code& ec) {
  namespace errc = boost::system::errc;
  const bool is_ours = ec == errc::too_many_files_open || ec == errc::too_many_files_open_in_system ||
                       ec == errc::not_enough_memory;
  return {is_ours ? topology::probe_outcome::local_trouble : topology::probe_outcome::wrong_credentials,
          "cannot read password_file " + path + ": " + ec.message()};
}

std::variant<std::string, unreadable_password> read_password(const std::string& path) {
  auto read = read_small_file(path, password_bytes_max);
  if (!read) return unreadable(path, read.error());
  std::string password = *std::move(read);
  if (password.ends_with('\n')) password.pop_back();
  if (password.ends_with('\r')) password.pop_back();
  return password;
}

std::string milliseconds_of(duration value) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(value).count());
}

void add_unless_empty(std::vector<parameter>& parameters, const char* keyword, const std::string& value) {
  if (!value.empty()) parameters.push_back({keyword, value});
}

}  // namespace

std::string host_of(const probe_target& target) {
  const auto named = parse_endpoint(target.name, target.address.port);
  if (named.has_value() && !named->host.empty()) return named->host;
  return target.name.empty() ? target.address.host : target.name;
}

std::variant<std::vector<parameter>, unreadable_password> login_parameters(const probe_options& options,
                                                                           const probe_target& target) {
  const std::string timeout = milliseconds_of(options.timeout);
  std::vector<parameter> parameters{
      {"host", host_of(target)},
      {"port", std::to_string(target.address.port)},
      {"user", options.user},
      {"dbname", options.database},
      {"application_name", "pgsteer"},
      {"gssencmode", "disable"},
      {"target_session_attrs", "any"},  // the environment's would run queries of its own
      // Whatever ALTER ROLE or the environment set, the probe reads pg_catalog and ends in time.
      {"options",
       "-csearch_path=pg_catalog -cdefault_transaction_read_only=on -cstatement_timeout=" + timeout},
      // The deadline of the probe ends a silent connection; these end it in the kernel if probes stop.
      {"keepalives", "1"},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "2"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "10000"},
  };
  // Numeric, so that nothing is ever resolved here. A Unix socket's folder is the host itself.
  if (!is_unix_socket(target.address)) parameters.push_back({"hostaddr", target.address.host});
  add_unless_empty(parameters, "passfile", options.passfile);
  add_unless_empty(parameters, "sslmode", options.sslmode);
  add_unless_empty(parameters, "sslrootcert", options.sslrootcert);
  add_unless_empty(parameters, "sslcert", options.sslcert);
  add_unless_empty(parameters, "sslkey", options.sslkey);
  if (options.password_file.empty()) return parameters;

  auto password = read_password(options.password_file);
  if (auto* const problem = std::get_if<unreadable_password>(&password)) return std::move(*problem);
  parameters.push_back({"password", std::get<std::string>(std::move(password))});
  return parameters;
}

std::vector<parameter> anonymous_login_parameters(probe_options options, const probe_target& target) {
  options.password_file.clear();
  options.passfile = "/dev/null/none";  // cannot exist; libpq would look for ~/.pgpass without one
  return std::get<std::vector<parameter>>(login_parameters(options, target));
}

}  // namespace pgsteer::probe
