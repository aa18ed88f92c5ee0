#include "pgsteer/net/file_watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::net {
namespace {

constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MODIFY | IN_ATTRIB |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// As many as the kernel follows: path_resolution(7).
constexpr int links_max = 40;

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "./" : file.substr(0, slash + 1);
}

// Where a link leads; empty if it is none.
std::string target_of(const std::string& file) {
  std::error_code ec;
  const auto target = std::filesystem::read_symlink(file, ec);
  if (ec) return {};
  return target.is_absolute() ? target.string() : folder_of(file) + target.string();
}

// The file, and what it leads through if it is a link.
std::vector<std::string> all_names_of(const std::string& file) {
  std::vector<std::string> names{file};
  for (int i = 0; i < links_max; ++i) {
    std::string next = target_of(names.back());
    if (next.empty()) break;
    names.push_back(std::move(next));
  }
  return names;
}

}  // namespace

file_watch::file_watch(boost::asio::io_context& context, on_change handler)
    : handler_(std::move(handler)), events_(context), timer_(context) {}

file_watch::~file_watch() {
  stop();
}

file_watch::identity file_watch::identity_of(const std::string& file) {
  struct stat seen {};
  if (::stat(file.c_str(), &seen) != 0) return std::nullopt;
  constexpr std::int64_t ns_per_second = 1'000'000'000;
  return std::tuple(seen.st_dev, seen.st_ino, static_cast<std::uint64_t>(seen.st_size),
                    seen.st_ctim.tv_sec * ns_per_second + seen.st_ctim.tv_nsec);
}

void file_watch::watch(const std::vector<std::string>& files) {
  std::map<std::string, identity> next;
  for (const std::string& file : files) {
    const auto before = files_.find(file);
    next.emplace(file, before == files_.end() ? identity_of(file) : before->second);
  }
  if (next == files_) return;
  stop();
  files_ = std::move(next);
  if (!files_.empty()) open();
}

void file_watch::stop() {
  files_.clear();
  folders_.clear();
  being_written_.clear();
  timer_.cancel();
  error_code ignored;
  events_.close(ignored);
}

void file_watch::open() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) {
    const std::string reason = error_code(errno, boost::system::system_category()).message();
    log(log_level::warning, "changed files will not be noticed", {{"reason", std::string_view(reason)}});
    return;
  }
  events_.assign(descriptor);
  watch_folders();
  wait();
  look_at(clock::now() + settle_time);  // between its identity and the watch it may have changed
}

// The same folder again is no second watch.
void file_watch::watch_folders() {
  bool are_all_there = true;
  folders_.clear();
  for (const auto& [file, last] : files_) {
    for (const std::string& name : all_names_of(file)) {
      const std::string folder = folder_of(name);
      const int watch = ::inotify_add_watch(events_.native_handle(), folder.c_str(), changes);
      if (watch < 0) are_all_there = false;
      if (watch >= 0) folders_[watch].insert(folder);
    }
  }
  if (!are_all_there) look_at(clock::now() + retry_interval);
}

void file_watch::wait() {
  events_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const error_code& ec) {
    if (ec) return;
    alignas(inotify_event) std::array<char, 4096> unread{};
    for (ssize_t n = 0; (n = ::read(events_.native_handle(), unread.data(), unread.size())) > 0;) {
      for (const char* at = unread.data(); at < unread.data() + n;) {
        inotify_event event{};
        std::memcpy(&event, at, sizeof event);
        note(event.wd, event.mask, event.len == 0 ? "" : at + sizeof event);
        at += sizeof event + event.len;
      }
    }
    const time_point now = clock::now();
    if (!noted_at_) noted_at_ = now;
    look_at(std::min(now + settle_time, *noted_at_ + settle_time_max));
    wait();
  });
}

void file_watch::note(int folder, std::uint32_t what, const std::string& name) {
  const auto found = folders_.find(folder);
  if (found == folders_.end()) return;
  const bool is_over = (what & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
  const bool is_begun = (what & (IN_CREATE | IN_MODIFY)) != 0;
  for (const std::string& spelling : found->second) {
    const std::string file = spelling + name;
    if (is_over) being_written_.erase(file);
    if (is_begun && target_of(file).empty()) being_written_[file] = clock::now();
  }
}

void file_watch::look_at(time_point due) {
  timer_.expires_at(due);
  timer_.async_wait([this](const error_code& ec) {
    if (!ec && events_.is_open()) look();
  });
}

void file_watch::look() {
  noted_at_.reset();
  watch_folders();  // another one may have taken a folder's place
  const time_point present = clock::now();
  std::erase_if(being_written_, [&](const auto& each) { return present >= each.second + retry_interval; });
  std::vector<std::string> changed;
  for (auto& [file, last] : files_) {
    const identity now = identity_of(file);
    if (now == last) continue;
    const auto names = all_names_of(file);
    if (std::ranges::any_of(names, [this](const auto& name) { return being_written_.contains(name); })) {
      look_at(present + retry_interval);
      continue;
    }
    last = now;
    if (now) changed.push_back(file);  // one that is gone will come back
  }
  if (!changed.empty()) handler_(changed);
}

}  // namespace pgsteer::net
