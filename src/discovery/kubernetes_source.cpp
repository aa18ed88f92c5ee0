#include "discovery/kubernetes_source.hpp"

#include <boost/asio/steady_timer.hpp>
#include <set>
#include <string>
#include <utility>

#include "discovery/backend_set.hpp"
#include "discovery/pod_set.hpp"
#include "discovery/resource_watch.hpp"
#include "pgsteer/base/log.hpp"

namespace pgsteer::discovery {
namespace {

class kubernetes_source final : public source, private watch_sink {
 public:
  kubernetes_source(boost::asio::io_context& context, const kubernetes_options& options,
                    const api_timing& timing)
      : selector_(selector_of(options)),
        pods_(options.port),
        watch_(std::make_shared<resource_watch>(
            context,
            api_access{options.api_server, options.token_file, options.ca_file, options.pod_namespace},
            pod_set::resource(selector_), timing)),
        timer_(context) {}
  ~kubernetes_source() override { stop(); }

  void start(on_change handler, on_hint hint_handler) override {
    handler_ = std::move(handler);
    hint_handler_ = std::move(hint_handler);
    watch_->start(*this);
  }
  void stop() override {
    life_.reset();
    watch_->stop();
    timer_.cancel();
  }
  void refresh_now() override { watch_->refresh_now(); }
  [[nodiscard]] std::optional<watch_figures> figures() const override { return watch_->figures(); }

 private:
  void begin_list() override { pods_.begin_list(); }
  error_code add(const api_object& object) override { return pods_.add(object); }
  void end_list() override { pods_.end_list(); }
  error_code apply(const watch_event& event) override { return pods_.apply(event); }

  void settle() override {
    if (is_publishing_soon_) return;
    const time_point due = published_at_ + publish_gap_min;
    if (clock::now() >= due) return publish();
    is_publishing_soon_ = true;
    timer_.expires_at(due);
    timer_.async_wait([this, life = std::weak_ptr<bool>(life_)](const error_code& /*ec*/) {
      if (life.expired()) return;
      is_publishing_soon_ = false;
      publish();
    });
  }

  // Hints come last: who has them looks up the backend in the set.
  void publish() {
    bool is_change = false;
    if (pods_.take_change()) {
      auto found = pods_.candidates();
      tell_emptiness(found.empty());
      is_change = set_.update(std::move(found));
    }
    const std::set<backend_hint> hints = pods_.take_hints();
    if (!is_change && hints.empty()) return;
    published_at_ = clock::now();
    const std::weak_ptr<bool> life = life_;  // a handler may stop or destroy us
    if (is_change) {
      const on_change handler = handler_;
      const auto backends = set_.backends();
      handler(backends);
    }
    for (const backend_hint& hint : hints) {
      if (life.expired()) return;
      const on_hint handler = hint_handler_;
      handler(hint.backend, hint.what);
    }
  }

  // A mistyped selector looks like this, and so does a cluster that is hibernated.
  void tell_emptiness(bool is_empty) {
    if (std::exchange(is_empty_, is_empty) == is_empty || !is_empty) return;
    log(log_level::warning, "no running pod matches the label selector, last good set kept",
        {{"selector", selector_}});
  }

  const std::string selector_;
  bool is_empty_ = false;
  pod_set pods_;
  backend_set set_;
  const std::shared_ptr<resource_watch> watch_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> life_ = std::make_shared<bool>(true);  // gone once stopped
  bool is_publishing_soon_ = false;
  time_point published_at_;
  on_change handler_;
  on_hint hint_handler_;
};

}  // namespace

bool is_label_selector(const std::string& text) {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/=!,() ";
  constexpr std::size_t bytes_max = 1'000;  // it goes into a URL
  return text.find_first_not_of(' ') != std::string::npos && text.size() <= bytes_max &&
         text.find_first_not_of(letters) == std::string::npos;
}

bool is_api_server(const std::string& url) {
  return parse_api_server(url).has_value();
}

bool are_valid(const kubernetes_options& options) noexcept {
  const bool has_one = options.label_selector.empty() != options.cnpg_cluster.empty();
  return has_one && options.port != 0;
}

std::string selector_of(const kubernetes_options& options) {
  if (options.cnpg_cluster.empty()) return options.label_selector;
  return "cnpg.io/cluster=" + options.cnpg_cluster + ",cnpg.io/podRole=instance";
}

std::string to_string(const kubernetes_options& options) {
  return "kubernetes pods " + selector_of(options) + " in " +
         (options.pod_namespace.empty() ? "the pod's own namespace" : options.pod_namespace) + ", port " +
         std::to_string(options.port);
}

std::unique_ptr<source> make_source(boost::asio::io_context& context, const kubernetes_options& options) {
  return make_kubernetes_source(context, options, api_timing{});
}

std::unique_ptr<source> make_kubernetes_source(boost::asio::io_context& context,
                                               const kubernetes_options& options, const api_timing& timing) {
  return std::make_unique<kubernetes_source>(context, options, timing);
}

}  // namespace pgsteer::discovery
