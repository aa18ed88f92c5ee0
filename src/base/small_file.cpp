#include "pgsteer/base/small_file.hpp"

#include <boost/system/errc.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace pgsteer {

result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  namespace errc = boost::system::errc;
  std::error_code ec;
  const bool is_regular = std::filesystem::is_regular_file(path, ec);
  if (ec) return error_code(ec.value(), boost::system::generic_category());
  if (!is_regular) return errc::make_error_code(errc::invalid_argument);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return error_code(errno, boost::system::generic_category());
  std::string text(bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return errc::make_error_code(errc::io_error);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > bytes_max) return errc::make_error_code(errc::file_too_large);
  return text;
}

}  // namespace pgsteer
