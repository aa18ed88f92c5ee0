// What pgsteer says of its own process is what the kernel counts.
#include "server/process_figures.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace pgsteer::server {
namespace {

TEST(ProcessFigures, CountsADescriptorForAsLongAsItIsOpen) {
  const auto before = process_figures().descriptors;
  ASSERT_TRUE(before);
  std::vector<int> opened;
  for (int i = 0; i < 7; ++i) opened.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(process_figures().descriptors, *before + 7);
  for (const int each : opened) ::close(each);
  EXPECT_EQ(process_figures().descriptors, before);
}

TEST(ProcessFigures, KnowsTheLimitOfDescriptors) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(process_figures().descriptors_max, limit.rlim_cur);
}

TEST(ProcessFigures, CountsMemoryThatIsWrittenTo) {
  constexpr std::size_t much = std::size_t{64} << 20;
  const auto before = process_figures().resident_bytes;
  ASSERT_TRUE(before);
  std::vector<char> written(much, 'x');
  const auto after = process_figures().resident_bytes;
  EXPECT_GE(*after, *before + much * 9 / 10);
  // Bytes, and no pages or KiB. A sanitizer keeps some bytes of its own for each.
  EXPECT_LT(*after, *before + much * 16);
  EXPECT_EQ(written.back(), 'x');
}

TEST(ProcessFigures, CountsCpuTimeThatIsSpent) {
  const auto before = process_figures().cpu_seconds;
  ASSERT_TRUE(before);
  // Ends by the same figure: no clock says when.
  while (*process_figures().cpu_seconds < *before + 0.02) {
  }
  rusage use{};
  ASSERT_EQ(::getrusage(RUSAGE_SELF, &use), 0);
  EXPECT_NEAR(*process_figures().cpu_seconds, static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec),
              2);
}

}  // namespace
}  // namespace pgsteer::server
