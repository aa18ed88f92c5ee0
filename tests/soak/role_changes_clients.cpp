#include "soak/role_changes_clients.hpp"

#include <algorithm>
#include <chrono>

#include "support/fake_client.hpp"

namespace pgsteer::soak {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Leaves the cores to pgsteer and to the script, and keeps the ports of closed connections few.
constexpr milliseconds breath{2};

void log_in(const endpoint& target, const std::string& user, login_counts& counted) {
  test::fake_client client(target);
  const test::login_outcome login = client.startup(user);
  if (login.is_logged_in) {
    ++counted.completed;
    const auto verdict = login.parameters.find(verdict_parameter);
    const std::string found = verdict == login.parameters.end() ? "none" : verdict->second;
    if (found != good_verdict) ++counted.wrong[found];
  } else if (login.end == test::stream_end::timed_out) {
    ++counted.unanswered;
  } else {
    ++counted.refused[login.sqlstate.empty() ? "closed" : login.sqlstate];
  }
  client.reset();
}

}  // namespace

void login_counts::add(const login_counts& other) {
  completed += other.completed;
  unanswered += other.unanswered;
  longest = std::max(longest, other.longest);
  for (const auto& [verdict, times] : other.wrong) wrong[verdict] += times;
  for (const auto& [state, times] : other.refused) refused[state] += times;
}

login_loops::login_loops(const endpoint& target, char kind, const judge& court, std::size_t threads)
    : target_(target), kind_(kind), judge_(court), counted_(threads) {
  for (login_counts& mine : counted_) {
    threads_.emplace_back([this, &mine] { run(mine); });
  }
}

login_loops::~login_loops() {
  stop();
}

void login_loops::stop() {
  is_stopped_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

login_counts login_loops::counts() const {
  login_counts sum;
  for (const login_counts& mine : counted_) sum.add(mine);
  return sum;
}

void login_loops::run(login_counts& counted) const {
  while (!is_stopped_) {
    const auto began = steady_clock::now();
    log_in(target_, kind_ + std::to_string(judge_.ticks()), counted);
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
    counted.longest = std::max(counted.longest, took);
    std::this_thread::sleep_for(breath);
  }
}

}  // namespace pgsteer::soak
