#pragma once
// Where the Kubernetes API is and who we are to it: what a pod finds in its environment and in the files of
// its service account, or what the configuration names instead.
//
// Read anew for each request: tokens and certificate authorities are renewed while we run
// (kubernetes.io/docs/concepts/storage/projected-volumes, serviceAccountToken). Reads small files; control
// thread.
#include <string>

#include "pgsteer/base/endpoint.hpp"

namespace pgsteer::discovery {

// Empty: as in every pod.
struct api_access {
  std::string server;  // "https://10.96.0.1:443"
  std::string token_file;
  std::string ca_file;
  std::string pod_namespace;
};

struct api_identity {
  endpoint server;
  std::string token;
  std::string authorities;  // PEM
  std::string pod_namespace;
};

struct api_reading {
  api_identity identity;
  std::string problem;  // what is missing, and where it was looked for; empty: nothing
};
[[nodiscard]] api_reading read_access(const api_access& access);

// Reads https://host:port, port 443 if left out. Errors: errc::malformed_endpoint (operator).
[[nodiscard]] result<endpoint> parse_api_server(std::string_view url);

// A file of a service account is some KiB; more is none.
inline constexpr std::size_t access_bytes_max = 256 * 1024;

}  // namespace pgsteer::discovery
