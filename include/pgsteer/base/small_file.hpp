#pragma once
// read_small_file: a secret or a certificate, read whole and anew each time it is needed.
//
// Never waits for a writer, so a control thread may call it. Any thread.
#include <cstddef>
#include <string>

#include "pgsteer/base/result.hpp"

namespace pgsteer {

// Its bytes as they are. Errors: of stat(2) and open(2); EINVAL if it is no regular file (a FIFO would
// block), EFBIG if it is longer than bytes_max, EIO if it cannot be read.
[[nodiscard]] result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

}  // namespace pgsteer
