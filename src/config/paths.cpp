// unusable_paths(): whether what the configuration names is there and can be used.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "config/document.hpp"
#include "pgsteer/config/config.hpp"

namespace pgsteer::config {
namespace {

std::string_view expected_of(path_rule rule) {
  switch (rule) {
    case path_rule::readable_file:
    case path_rule::root_certificates:
      return "a readable file";
    case path_rule::private_key:
      return "a readable file that is closed to others (0600, or 0640 if it is root's)";
    case path_rule::passfile:
      return "a readable file that is closed to others (0600)";
    case path_rule::writable_folder:
      return "a folder that may be written to";
    case path_rule::socket:
      return "a path in a folder that may be written to";
  }
  return {};
}

std::string reason_of(int error) {
  return ": " + std::generic_category().message(error);
}

// libpq 16 knows the word "system"; to an older one it is a file, which nobody calls so. With a colon a key
// is an engine's, not a file's: libpq-connect.html#LIBPQ-CONNECT-SSLKEY.
bool is_a_path(const named_path& named) {
  if (named.rule == path_rule::root_certificates) return named.path != "system";
  return named.rule != path_rule::private_key || named.path.find(':') == std::string::npos;
}

// As initialize_SSL() in src/interfaces/libpq/fe-secure-openssl.c and passwordFromFile() in fe-connect.c have
// it.
mode_t forbidden_bits(path_rule rule, uid_t owner) {
  const bool may_be_roots = rule == path_rule::private_key && owner == 0;
  const bool is_secret = rule == path_rule::private_key || rule == path_rule::passfile;
  return may_be_roots ? S_IWGRP | S_IXGRP | S_IRWXO : is_secret ? S_IRWXG | S_IRWXO : 0;
}

std::string octal(mode_t mode) {
  constexpr mode_t permissions = 0777;
  std::string out = "0";
  for (const unsigned shift : {6U, 3U, 0U}) out += std::to_string((mode & permissions) >> shift & 7U);
  return out;
}

std::optional<std::string> obstacle_to_writing(const std::string& folder) {
  struct stat seen {};
  if (::stat(folder.c_str(), &seen) != 0) return reason_of(errno);
  if (!S_ISDIR(seen.st_mode)) return reason_of(ENOTDIR);
  const bool is_open = ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  return is_open ? std::nullopt : std::optional(reason_of(errno));
}

// What stands between the process and the file or folder: behind its name in a message. Nothing is read, and
// a file that is no regular one is not even opened: a FIFO or a device may wait.
std::optional<std::string> obstacle(const named_path& named) {
  if (named.rule == path_rule::writable_folder) return obstacle_to_writing(named.path);
  struct stat seen {};
  if (named.rule == path_rule::socket) {
    const bool is_there = ::lstat(named.path.c_str(), &seen) == 0;
    if (is_there && !S_ISSOCK(seen.st_mode)) return ", which is there and no socket";
    return obstacle_to_writing(named.path.substr(0, named.path.rfind('/') + 1));
  }
  if (::stat(named.path.c_str(), &seen) != 0) return reason_of(errno);
  if (S_ISDIR(seen.st_mode)) return reason_of(EISDIR);
  if (!S_ISREG(seen.st_mode)) return ", which is no regular file";
  if ((seen.st_mode & forbidden_bits(named.rule, seen.st_uid)) != 0)
    return " with the permissions " + octal(seen.st_mode);
  const int descriptor = ::open(named.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) return reason_of(errno);
  ::close(descriptor);
  return std::nullopt;
}

}  // namespace

std::vector<std::string> unusable_paths(const config& options, const std::string& name) {
  document file(name);
  for (const named_path& each : options.paths) {
    const auto reason = is_a_path(each) ? obstacle(each) : std::nullopt;
    if (!reason) continue;
    file.report({{each.line, each.column},
                 each.key,
                 std::string(expected_of(each.rule)),
                 in_quotes(each.path) + *reason});
  }
  return file.problem_lines();
}

}  // namespace pgsteer::config
