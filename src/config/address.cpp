#include "config/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string_view>

namespace pgsteer::config {
namespace {

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && std::all_of(label.begin(), label.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

bool is_number(std::string_view label) {
  return std::all_of(label.begin(), label.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

bool is_ip_literal(const std::string& text) {
  in6_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) == 1) return true;
  const auto zone = text.find('%');
  if (zone != std::string::npos && zone + 1 == text.size()) return false;
  return inet_pton(AF_INET6, text.substr(0, zone).c_str(), &address) == 1;
}

bool is_host_name(const std::string& text) {
  std::string_view rest = text;
  if (rest.ends_with('.')) rest.remove_suffix(1);
  if (rest.empty() || rest.size() > 253) return false;
  while (true) {
    const auto dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !is_number(label);
    rest.remove_prefix(dot + 1);
  }
}

bool is_unix_folder(const endpoint& value) {
  const bool is_folder = is_unix_socket(value) && value.host.size() > 1 && !value.host.ends_with('/');
  return is_folder && value.host.size() <= unix_folder_max &&
         std::ranges::all_of(value.host, [](unsigned char c) { return std::isprint(c) != 0 && c != ','; });
}

}  // namespace pgsteer::config
