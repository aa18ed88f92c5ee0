// probe: who asks the backends, how often, and how that connection is secured.
#include <chrono>

#include "config/sections.hpp"
#include "config/units.hpp"

namespace pgsteer::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

}  // namespace

void read_probe(section& keys, probe::probe_options& out) {
  keys.identifier("user", out.user);
  keys.file_path("password_file", out.password_file);
  keys.file_path("passfile", out.passfile, path_rule::passfile);
  keys.identifier("database", out.database);
  keys.time("interval", out.interval, {milliseconds{50}, minutes{1}});
  keys.time("burst_interval", out.burst_interval, {milliseconds{5}, minutes{1}});
  keys.time("burst_time", out.burst_time, {milliseconds{100}, minutes{1}});
  keys.time("timeout", out.timeout, {milliseconds{10}, minutes{1}});
  keys.time("late_after", out.late_after, {milliseconds{5}, minutes{1}});
  keys.time("login_interval", out.login_interval, {milliseconds{500}, hours{1}});
  keys.time("primary_login_interval", out.primary_login_interval, {milliseconds{100}, hours{1}});
  keys.time("watch_interval", out.watch_interval, {milliseconds{10}, hours{1}});
  // libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
  keys.word("sslmode", out.sslmode, {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"});
  keys.file_path("sslrootcert", out.sslrootcert, path_rule::root_certificates);
  keys.file_path("sslcert", out.sslcert);
  keys.file_path("sslkey", out.sslkey, path_rule::private_key);
  keys.refuse("password", "password_file, passfile or the variable PGPASSWORD",
              "a password, which does not belong in this file");
  if (!out.password_file.empty() && !out.passfile.empty())
    keys.report("passfile", "either password_file or passfile", "both");
  if (out.burst_interval > out.interval && keys.is_sound("burst_interval") && keys.is_sound("interval")) {
    keys.report("burst_interval", "at most interval (" + duration_text(out.interval) + ")",
                duration_text(out.burst_interval));
  }
  keys.finish();
}

}  // namespace pgsteer::config
