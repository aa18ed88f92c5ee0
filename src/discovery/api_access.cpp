#include "discovery/api_access.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <cstdlib>

#include "pgsteer/base/errc.hpp"
#include "pgsteer/base/small_file.hpp"

namespace pgsteer::discovery {
namespace {

constexpr const char* account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";

std::string or_default(const std::string& path, const char* name) {
  return path.empty() ? std::string(account_folder) + "/" + name : path;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The file's text without white space around it; problem says why there is none.
std::string read_file(const std::string& path, const std::string& what, std::string& problem) {
  if (!problem.empty()) return {};
  const auto read = read_small_file(path, access_bytes_max);
  if (!read) {
    const bool is_too_large = read.error() == boost::system::errc::file_too_large;
    problem = what + " " + path + ": " + (is_too_large ? "longer than 256 KiB" : read.error().message());
    return {};
  }
  std::string text = trimmed(*read);
  if (text.empty()) problem = what + " " + path + ": empty";
  return text;
}

// It goes into a header of HTTP, so nothing but visible ASCII (RFC 6750, 2.1).
bool is_token(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

endpoint find_server(const api_access& access, std::string& problem) {
  if (!access.server.empty()) {
    const auto named = parse_api_server(access.server);
    if (named) return *named;
    problem = "api_server: expected https://host:port, found " + access.server;
    return {};
  }
  // kubernetes.io/docs/tasks/run-application/access-api-from-pod
  const char* const host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* const port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr || *host == '\0') {
    problem =
        "no api_server is configured, and KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not "
        "both set as in a pod";
    return {};
  }
  const std::string in_brackets =
      std::string(host).find(':') == std::string::npos ? std::string(host) : "[" + std::string(host) + "]";
  const auto found = parse_endpoint(in_brackets + ":" + port);
  if (found && found->port != 0) return *found;
  problem = "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: expected a host and a port, found " +
            in_brackets + ":" + port;
  return {};
}

}  // namespace

result<endpoint> parse_api_server(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme)) return pgsteer::errc::malformed_endpoint;
  url.remove_prefix(scheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  // A path, a query, a fragment or a user would be dropped silently.
  if (url.find_first_of("/?#@ \t\r\n") != std::string_view::npos) return pgsteer::errc::malformed_endpoint;
  auto where = parse_endpoint(url, 443);
  if (where && (where->port == 0 || where->host.empty())) return pgsteer::errc::malformed_endpoint;
  return where;
}

api_reading read_access(const api_access& access) {
  api_reading out;
  out.identity.server = find_server(access, out.problem);
  const std::string token_file = or_default(access.token_file, "token");
  out.identity.token = read_file(token_file, "the service account's token", out.problem);
  if (out.problem.empty() && !is_token(out.identity.token))
    out.problem = "the service account's token " + token_file + ": expected one line of visible ASCII";
  out.identity.authorities =
      read_file(or_default(access.ca_file, "ca.crt"), "the API server's certificate authority", out.problem);
  if (!access.pod_namespace.empty()) {
    out.identity.pod_namespace = access.pod_namespace;
    return out;
  }
  // Beside the token.
  const std::string folder = token_file.substr(0, token_file.find_last_of('/') + 1);
  out.identity.pod_namespace = read_file(folder + "namespace", "the pod's namespace", out.problem);
  return out;
}

}  // namespace pgsteer::discovery
