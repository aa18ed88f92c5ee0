#include <algorithm>
#include <boost/asio/ip/host_name.hpp>
#include <cctype>
#include <cstdlib>

#include "discovery/zone_finder.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/discovery/options.hpp"

namespace pgsteer::discovery {
namespace {

// A pod's host name is its own, unless its spec says otherwise (kubernetes.io/docs/concepts/workloads/pods/
// pod-hostname).
std::string own_pod() {
  const char* const told = std::getenv("POD_NAME");
  if (told != nullptr && *told != '\0') return told;
  error_code ec;
  return boost::asio::ip::host_name(ec);
}

std::string own_zone(const zone_option& configured) {
  if (configured) return *configured;
  const char* const told = std::getenv("POD_ZONE");
  if (told == nullptr || *told == '\0') return "";
  if (is_zone(told)) return told;
  log(log_level::warning, "POD_ZONE is no zone's name, it is ignored",
      {{"expected", "1 to 63 letters, digits, -, _ and ."}, {"found", std::string_view(told)}});
  return "";
}

}  // namespace

bool is_zone(std::string_view text) {
  constexpr std::string_view marks = "-_.";
  const auto is_mark = [&](char c) { return marks.find(c) != std::string_view::npos; };
  return !text.empty() && text.size() <= 63 && !is_mark(text.front()) && !is_mark(text.back()) &&
         std::ranges::all_of(
             text, [&](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || is_mark(c); });
}

own_place find_own_place(const zone_option& configured, bool has_service) {
  own_place found{.zone = own_zone(configured), .pod = {}, .matters = !configured || !configured->empty()};
  if (!configured && found.zone.empty() && has_service) found.pod = own_pod();
  return found;
}

}  // namespace pgsteer::discovery
