#pragma once
// file_watch: says when the content of files may have changed, by the kernel's word: inotify(7).
//
// Watches their folders, since a file is mostly changed by putting another one in its place: an editor
// renames it, Kubernetes swaps the link ..data that all files of a ConfigMap or Secret go through. Reads
// nothing. What does not come by inotify, such as a change on another host of a network file system, is not
// seen.
//
// Flow: watch(files) -> on_change(those that changed), a moment after the last of several changes -> watch()
// again with others, or stop(). One thread.
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::net {

class file_watch {
 public:
  // Several files are changed in one go.
  static constexpr duration settle_time = milliseconds{100};
  // However many changes follow one another in the folders.
  static constexpr duration settle_time_max = seconds{1};
  // A folder that is not there is looked for again so often; and one that nobody has closed, though it was
  // not changed for so long, is taken as it is: a hard link, or one that is mapped into memory.
  static constexpr duration retry_interval = seconds{5};

  using on_change = std::function<void(const std::vector<std::string>& files)>;

  file_watch(boost::asio::io_context& context, on_change handler);
  ~file_watch();
  file_watch(const file_watch&) = delete;
  file_watch& operator=(const file_watch&) = delete;

  // Instead of those of before. One that was watched before is compared with what it was then.
  void watch(const std::vector<std::string>& files);
  void stop();

 private:
  // What tells one content from another: device, inode, size, change time in ns. Nothing: there is no file.
  using identity = std::optional<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::int64_t>>;
  [[nodiscard]] static identity identity_of(const std::string& file);
  void open();
  void watch_folders();
  void wait();
  void look_at(time_point due);
  void look();
  void note(int folder, std::uint32_t what, const std::string& name);

  const on_change handler_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer timer_;
  std::map<std::string, identity> files_;
  std::map<int, std::set<std::string>> folders_;     // by watch; each ends in a slash
  std::map<std::string, time_point> being_written_;  // since its last change
  std::optional<time_point> noted_at_;               // the first change since it was looked
};

}  // namespace pgsteer::net
