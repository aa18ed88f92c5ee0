#include <string>
#include <utility>

#include "discovery/backend_set.hpp"
#include "discovery/name_watch.hpp"
#include "discovery/sources.hpp"

namespace pgsteer::discovery {
namespace {

class dns_source final : public source {
 public:
  dns_source(boost::asio::io_context& context, const dns_options& options, resolve_function resolve)
      : options_(options),
        watch_(std::make_shared<name_watch>(context, std::move(resolve), options.name, options.refresh)) {}
  ~dns_source() override { watch_->stop(); }

  void start(handlers told) override {
    handler_ = std::move(told.change);
    watch_->start([this](const addresses& answer) { take(answer); });
  }
  void stop() override { watch_->stop(); }
  void refresh_now() override { watch_->refresh_now(); }

 private:
  void take(const addresses& answer) {
    const std::string name = to_string(endpoint{options_.name, options_.port});
    std::vector<discovered_backend> found;
    for (const std::string& address : answer) found.push_back({name, {address, options_.port}, {}});
    if (!set_.update(std::move(found))) return;
    const on_change handler = handler_;  // it may destroy us
    const auto backends = set_.backends();
    handler(backends);
  }

  const dns_options options_;
  const std::shared_ptr<name_watch> watch_;
  backend_set set_;
  on_change handler_;
};

}  // namespace

bool are_valid(const dns_options& options) noexcept {
  return !options.name.empty() && options.port != 0 && options.refresh > duration::zero();
}

std::string to_string(const dns_options& options) {
  return "dns " + to_string(endpoint{options.name, options.port});
}

std::unique_ptr<source> make_source(boost::asio::io_context& context, const dns_options& options,
                                    const zone_option& /*zone*/) {
  return make_dns_source(context, options, make_resolver(context));
}

std::unique_ptr<source> make_dns_source(boost::asio::io_context& context, const dns_options& options,
                                        resolve_function resolve) {
  return std::make_unique<dns_source>(context, options, std::move(resolve));
}

}  // namespace pgsteer::discovery
