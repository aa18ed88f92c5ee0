#include "pgsteer/base/endpoint.hpp"

#include <charconv>

#include "pgsteer/base/errc.hpp"

namespace pgsteer {

bool is_unix_socket(const endpoint& value) noexcept {
  return value.host.starts_with('/') || value.host.starts_with('@');
}

std::string unix_socket_path(const endpoint& value) {
  return value.host + "/.s.PGSQL." + std::to_string(value.port);
}

std::string to_string(const endpoint& value) {
  if (value.host == local_client) return value.host;
  const bool is_ipv6 = value.host.find(':') != std::string::npos;
  const std::string port = std::to_string(value.port);
  return is_ipv6 ? "[" + value.host + "]:" + port : value.host + ":" + port;
}

result<endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return errc::malformed_endpoint;
    host = text.substr(1, close - 1);
    if (host.find(':') == std::string_view::npos) return errc::malformed_endpoint;
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && (rest.front() != ':' || rest.size() == 1)) return errc::malformed_endpoint;
    port = rest.empty() ? rest : rest.substr(1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    if (text.find(':', colon + 1) != std::string_view::npos) return errc::malformed_endpoint;
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return errc::malformed_endpoint;
  }
  if (host.empty()) return errc::malformed_endpoint;
  if (port.empty()) {
    if (default_port == 0) return errc::malformed_endpoint;
    return endpoint{std::string(host), default_port};
  }
  std::uint16_t number = 0;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (ec != std::errc{} || end != port.data() + port.size()) return errc::malformed_endpoint;
  return endpoint{std::string(host), number};
}

}  // namespace pgsteer
