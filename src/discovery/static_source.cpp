#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <tuple>
#include <utility>

#include "discovery/backend_set.hpp"
#include "discovery/name_watch.hpp"
#include "discovery/sources.hpp"
#include "discovery/zone_finder.hpp"

namespace pgsteer::discovery {
namespace {

constexpr auto first_answers_max = seconds{2};
constexpr auto look_interval = milliseconds{10};

// One line of the list.
struct entry {
  endpoint configured;
  std::string address;                // numeric; empty until its name was resolved
  std::shared_ptr<name_watch> watch;  // null: it was numeric to begin with
};

entry make_entry(boost::asio::io_context& context, const endpoint& configured, const static_options& options,
                 const resolve_function& resolve) {
  if (is_unix_socket(configured)) return {configured, configured.host, nullptr};
  error_code ec;
  const auto numeric = boost::asio::ip::make_address(configured.host, ec);
  if (!ec) return {configured, numeric.to_string(), nullptr};
  std::string address;
  if (options.resolved && options.resolved->contains(configured)) address = options.resolved->at(configured);
  return {configured, address,
          std::make_shared<name_watch>(context, resolve, configured.host, options.refresh)};
}

class static_source final : public source {
 public:
  static_source(boost::asio::io_context& context, const static_options& options,
                const resolve_function& resolve, own_place own)
      : context_(context), zones_(options.zones), finder_(std::move(own), false) {
    if (options.resolved) is_waiting_ = true;
    for (const endpoint& configured : options.backends) {
      entries_.push_back(make_entry(context, configured, options, resolve));
    }
  }
  ~static_source() override { stop(); }

  void start(handlers told) override {
    handler_ = std::move(told.change);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (!entries_[i].watch) continue;
      entries_[i].watch->start([this, i](const addresses& answer) { take(entries_[i], answer); });
    }
    if (is_waiting_) look_later();
    // As a name's answer would come: never from inside start().
    boost::asio::post(context_, [this, life = std::weak_ptr<bool>(life_)] {
      if (!life.expired()) publish();
    });
  }

  void stop() override {
    life_.reset();
    for (const entry& each : entries_) {
      if (each.watch) each.watch->stop();
    }
  }

  [[nodiscard]] std::string own_zone() const override { return finder_.own_zone(); }

  void refresh_now() override {
    for (const entry& each : entries_) {
      if (each.watch) each.watch->refresh_now();
    }
  }

 private:
  void take(entry& each, const addresses& answer) {
    if (std::find(answer.begin(), answer.end(), each.address) != answer.end()) return;
    each.address = answer.front();
    publish();
  }

  // Asked again and again: a name that has no answer tells nobody so.
  void look_later() {
    const bool is_missing = std::ranges::any_of(
        entries_, [](const entry& each) { return each.address.empty() && !each.watch->has_tried(); });
    if (!is_missing || clock::now() >= begun_at_ + first_answers_max) {
      is_waiting_ = false;
      return publish();
    }
    timer_.expires_after(look_interval);
    timer_.async_wait([this, life = std::weak_ptr<bool>(life_)](const error_code& ec) {
      if (!ec && !life.expired()) look_later();
    });
  }

  void publish() {
    if (is_waiting_) return;
    std::vector<discovered_backend> found;
    for (const entry& each : entries_) {
      if (each.address.empty()) continue;
      found.push_back({to_string(each.configured), {each.address, each.configured.port}, {}});
      const auto zone = zones_.find(each.configured);
      if (zone != zones_.end()) found.back().zone = zone->second;
    }
    std::ignore = finder_.place(found);
    if (!set_.update(std::move(found))) return;
    const on_change handler = handler_;  // it may destroy us
    const auto backends = set_.backends();
    handler(backends);
  }

  boost::asio::io_context& context_;
  std::shared_ptr<bool> life_ = std::make_shared<bool>(true);  // gone once stopped
  bool is_waiting_ = false;                                    // for the first answers
  const time_point begun_at_ = clock::now();
  boost::asio::steady_timer timer_{context_};
  std::vector<entry> entries_;
  const std::map<endpoint, std::string> zones_;
  zone_finder finder_;
  backend_set set_;
  on_change handler_;
};

}  // namespace

bool are_valid(const static_options& options) noexcept {
  return !options.backends.empty() && options.refresh > duration::zero() &&
         std::all_of(options.backends.begin(), options.backends.end(),
                     [](const endpoint& backend) { return !backend.host.empty() && backend.port != 0; }) &&
         std::ranges::none_of(options.zones, [](const auto& each) { return each.second.empty(); });
}

std::string to_string(const static_options& options) {
  std::string out = "static";
  for (const endpoint& backend : options.backends) {
    out += " " + to_string(backend);
    const auto zone = options.zones.find(backend);
    if (zone != options.zones.end()) out += " (" + zone->second + ")";
  }
  return out;
}

std::unique_ptr<source> make_source(boost::asio::io_context& context, const static_options& options,
                                    const zone_option& zone) {
  return make_static_source(context, options, make_resolver(context), find_own_place(zone, false));
}

std::unique_ptr<source> make_static_source(boost::asio::io_context& context, const static_options& options,
                                           resolve_function resolve, own_place own) {
  return std::make_unique<static_source>(context, options, resolve, std::move(own));
}

}  // namespace pgsteer::discovery
