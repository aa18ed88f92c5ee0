#pragma once
// successor_process: the process that is started to take over from this one, until it has or has ended.
//
// Knows nothing of what it does. Control thread.
//
// Flow: start() -> on_end, unless forget() comes first.
#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/result.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::server {

class successor_process {
 public:
  explicit successor_process(boost::asio::io_context& control) : ended_(control) {}

  // arguments: the first is the program's path. It has this process's environment and standard streams, and
  // none of its other descriptors. Errors: of pipe(2), fork(2) and execve(2).
  [[nodiscard]] result<pid_t> start(std::vector<std::string> arguments, std::function<void()> on_end);
  // It goes on; nobody is told of its end.
  void forget();
  // Has it end, if it lives.
  void terminate();

 private:
  void wait();

  pid_t pid_ = 0;
  boost::asio::posix::stream_descriptor ended_;  // a pidfd
  std::function<void()> on_end_;
};

}  // namespace pgsteer::server
