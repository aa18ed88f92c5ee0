// Shifts the wall clock of one program by the seconds in a file; built and loaded by harness/clock.py.
//
// Monotonic clocks and timers stay true, as they do when somebody sets a machine's clock. libfaketime would
// move absolute monotonic timers (timerfd_settime with TFD_TIMER_ABSTIME) along, which no real clock does.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

std::int64_t shift_seconds() {
  static const volatile std::int64_t* const seconds = [] {
    const int fd = ::open(std::getenv("PGSTEER_CLOCK_FILE"), O_RDONLY | O_CLOEXEC);
    void* const mapped = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) std::abort();
    ::close(fd);
    return static_cast<const volatile std::int64_t*>(mapped);
  }();
  return *seconds;
}

bool is_wall_clock(clockid_t id) {
  return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
}

}  // namespace

extern "C" int clock_gettime(clockid_t id, struct timespec* now) {
  static const auto original =
      reinterpret_cast<int (*)(clockid_t, struct timespec*)>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = original(id, now);
  if (result == 0 && is_wall_clock(id)) now->tv_sec += shift_seconds();
  return result;
}

extern "C" int gettimeofday(struct timeval* now, void*) noexcept {
  struct timespec precise {};
  const int result = clock_gettime(CLOCK_REALTIME, &precise);
  *now = {precise.tv_sec, precise.tv_nsec / 1000};
  return result;
}

extern "C" time_t time(time_t* out) noexcept {
  struct timespec precise {};
  clock_gettime(CLOCK_REALTIME, &precise);
  if (out != nullptr) *out = precise.tv_sec;
  return precise.tv_sec;
}
