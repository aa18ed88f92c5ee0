#include "pgsteer/fence/fence_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::fence {
namespace {

namespace json = boost::json;
using topology::fence_mark;

constexpr const char* expected =
    R"(expected {"system_identifier": "<number>", "timeline": <number>, "raised_at": "<lsn>"})";

template <class Number>
bool read_number(std::string_view text, Number& out, int base) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return ec == std::errc{} && end == text.data() + text.size();
}

// PostgreSQL's form, "16/B374D848": datatype-pg-lsn.html.
bool read_lsn(std::string_view text, topology::lsn& out) {
  const std::size_t slash = text.find('/');
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  if (slash == std::string_view::npos || !read_number(text.substr(0, slash), high, 16) ||
      !read_number(text.substr(slash + 1), low, 16))
    return false;
  out = {std::uint64_t{high} << 32U | low};
  return true;
}

bool says_forgotten(const json::object& fields) {
  const json::value* const said = fields.if_contains("forgotten");
  return said != nullptr && fields.size() == 1 && said->is_bool() && said->get_bool();
}

std::optional<fence_mark> read_mark(const json::object& fields) {
  const json::value* const system = fields.if_contains("system_identifier");
  const json::value* const timeline = fields.if_contains("timeline");
  const json::value* const raised_at = fields.if_contains("raised_at");
  if (system == nullptr || timeline == nullptr || raised_at == nullptr) return std::nullopt;
  if (!system->is_string() || !timeline->is_int64() || !raised_at->is_string()) return std::nullopt;
  fence_mark mark;
  mark.timeline = {static_cast<std::uint32_t>(timeline->get_int64())};
  const bool is_read = read_number(system->get_string(), mark.system.value, 10) &&
                       read_lsn(raised_at->get_string(), mark.raised_at) && mark.system.value != 0 &&
                       mark.timeline.value != 0 && timeline->get_int64() == mark.timeline.value;
  return is_read ? std::optional(mark) : std::nullopt;
}

std::string text_of(const std::optional<fence_mark>& mark) {
  json::object fields;
  if (mark) {
    fields["system_identifier"] = std::to_string(mark->system.value);
    fields["timeline"] = mark->timeline.value;
    fields["raised_at"] = topology::to_string(mark->raised_at);
  } else {
    fields["forgotten"] = true;
  }
  return json::serialize(fields) + "\n";
}

std::string problem_with(const std::string& path, int error) {
  return path + ": " + std::generic_category().message(error);
}

std::string write_whole(const std::string& path, const std::string& text) {
  const net::unique_fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.is_open()) return problem_with(path, errno);
  // No secret; root's umask must not keep pgsteer's user from reading what root's command wrote.
  if (::fchmod(fd.value(), 0644) != 0) return problem_with(path, errno);
  const ssize_t written = ::write(fd.value(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) return problem_with(path, written < 0 ? errno : ENOSPC);
  return ::fsync(fd.value()) == 0 ? std::string() : problem_with(path, errno);
}

// A name in a folder lasts only once the folder is on disk too: fsync(2).
void sync_folder(const std::string& folder) {
  const net::unique_fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.is_open()) [[maybe_unused]]
    const int ignored = ::fsync(fd.value());  // some file systems cannot; the rename has been done
}

fence_reading failed(std::string problem) {
  return {.mark = {}, .is_missing = false, .problem = std::move(problem)};
}

}  // namespace

std::string fence_path(const std::string& state_dir) {
  return state_dir + "/fence.json";
}

fence_reading read_fence(const std::string& state_dir) {
  const std::string path = fence_path(state_dir);
  std::error_code ec;
  if (!std::filesystem::is_directory(state_dir, ec))
    return failed(state_dir + ": expected an existing folder (cluster.state_dir)");
  if (::access(state_dir.c_str(), W_OK) != 0) return failed(problem_with(state_dir, errno));
  if (!std::filesystem::exists(path, ec) && !ec) return {.mark = {}, .is_missing = true, .problem = {}};
  if (!std::filesystem::is_regular_file(path, ec)) return failed(path + ": expected a regular file");
  errno = 0;
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) return failed(problem_with(path, errno));
  error_code not_json;
  const json::value root = json::parse(text.str(), not_json);
  const json::object* const fields = not_json ? nullptr : root.if_object();
  const auto mark = fields == nullptr ? std::nullopt : read_mark(*fields);
  if (mark || (fields != nullptr && says_forgotten(*fields)))
    return {.mark = mark, .is_missing = false, .problem = {}};
  return failed(path + ": " + expected + "; `pgsteer fence --forget` starts anew");
}

std::string write_fence(const std::string& state_dir, const std::optional<fence_mark>& mark) {
  const std::string path = fence_path(state_dir);
  // pgsteer and the command may write at the same time, as different users.
  const std::string draft = path + "." + std::to_string(::getpid()) + ".new";
  std::string problem = write_whole(draft, text_of(mark));
  if (problem.empty() && ::rename(draft.c_str(), path.c_str()) != 0) problem = problem_with(path, errno);
  if (problem.empty()) {
    sync_folder(state_dir);
  } else {
    ::unlink(draft.c_str());
  }
  return problem;
}

}  // namespace pgsteer::fence
