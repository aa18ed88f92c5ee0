#include "pgsteer/net/file_watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::net {
namespace {

constexpr std::uint32_t changes =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash + 1);
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
  wait();
  look_at(clock::now() + settle_time);  // between its identity and the watch it may have changed
}

// The same folder again is no second watch.
void file_watch::watch_folders() {
  std::set<std::string> folders;
  for (const auto& [file, last] : files_) folders.insert(folder_of(file));
  bool are_all_there = true;
  for (const std::string& folder : folders)
    are_all_there =
        ::inotify_add_watch(events_.native_handle(), folder.c_str(), changes) >= 0 && are_all_there;
  if (!are_all_there) look_at(clock::now() + retry_interval);
}

void file_watch::wait() {
  events_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const error_code& ec) {
    if (ec) return;
    // Which file it was will be seen.
    std::array<char, 4096> unread{};
    while (::read(events_.native_handle(), unread.data(), unread.size()) > 0) {
    }
    const time_point now = clock::now();
    if (!noted_at_) noted_at_ = now;
    look_at(std::min(now + settle_time, *noted_at_ + settle_time_max));
    wait();
  });
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
  std::vector<std::string> changed;
  for (auto& [file, last] : files_) {
    const identity now = identity_of(file);
    if (now == last) continue;
    last = now;
    if (now) changed.push_back(file);  // one that is gone will come back
  }
  if (!changed.empty()) handler_(changed);
}

}  // namespace pgsteer::net
