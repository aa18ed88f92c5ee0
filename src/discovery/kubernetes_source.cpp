#include "discovery/kubernetes_source.hpp"

#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "discovery/backend_set.hpp"
#include "discovery/cnpg_cluster.hpp"
#include "discovery/pod_set.hpp"
#include "discovery/resource_watch.hpp"
#include "discovery/single_object.hpp"
#include "discovery/zone_finder.hpp"
#include "pgsteer/base/log.hpp"

namespace pgsteer::discovery {
namespace {

class kubernetes_source final : public source {
 public:
  kubernetes_source(boost::asio::io_context& context, const kubernetes_options& options,
                    const zone_option& zone, const api_timing& timing)
      : kubernetes_source(context, options, zone_services_of(options), zone, timing) {}
  ~kubernetes_source() override { stop(); }

  void start(handlers told) override {
    told_ = std::move(told);
    for (const watched& each : watches_) start(each);
  }
  void stop() override {
    life_.reset();
    for (const watched& each : watches_) each.watch->stop();
    timer_.cancel();
  }
  [[nodiscard]] std::string own_zone() const override { return zones_.own_zone(); }
  void refresh_now() override {
    for (const watched& each : watches_) each.watch->refresh_now();
  }
  [[nodiscard]] std::vector<watch_figures> figures() const override {
    std::vector<watch_figures> all;
    for (const watched& each : watches_) all.push_back(each.watch->figures());
    return all;
  }

 private:
  struct watched {
    std::shared_ptr<resource_watch> watch;
    object_sink* sink = nullptr;  // one of ours
  };

  kubernetes_source(boost::asio::io_context& context, const kubernetes_options& options,
                    const std::vector<std::string>& zone_services, const zone_option& zone,
                    const api_timing& timing)
      : selector_(selector_of(options)),
        pods_(options.port),
        zones_(find_own_place(zone, !options.zone_services.empty()), !zone_services.empty()),
        timer_(context) {
    const api_access access{options.api_server, options.token_file, options.ca_file, options.pod_namespace};
    const auto watch = [&](api_resource resource, object_sink& sink) {
      return watched{std::make_shared<resource_watch>(context, access, std::move(resource), timing), &sink};
    };
    watches_.push_back(watch(pod_set::resource(selector_), pods_));
    if (!zone_services.empty())
      zones_watch_ = watch(endpoint_zones::resource(zone_services), zones_.slices());
    if (options.cnpg_cluster.empty()) return;
    watches_.push_back(watch(cnpg_cluster_resource(options.cnpg_cluster), cluster_object_));
    watches_.push_back(watch(cnpg_lease_resource(options.cnpg_cluster), lease_object_));
  }

  void start(const watched& it) {
    it.watch->start(*it.sink, [this] { publish_soon(); });
  }

  void publish_soon() {
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
    std::set<backend_hint> hints;
    note_cluster(hints);
    note_lease(hints);
    bool is_change = false;
    const bool is_zone_new = zones_.take_change();
    if (pods_.take_change() || is_zone_new) {
      auto found = pods_.candidates();
      tell_emptiness(found.empty());
      if (zones_.place(found)) watch_zones();
      is_change = set_.update(std::move(found));
    }
    hints.merge(pods_.take_hints());
    const std::optional<switchover> announced = announcement();
    const bool is_announcement = announced != announced_;
    if (!is_change && !is_announcement && hints.empty()) return;
    published_at_ = clock::now();
    const std::weak_ptr<bool> life = life_;  // a handler may stop or destroy us
    const handlers told = told_;
    if (is_change) {
      const auto backends = set_.backends();
      told.change(backends);
    }
    if (is_announcement && !life.expired()) {
      announced_ = announced;
      if (told.announcement) told.announcement(announced);
    }
    for (const backend_hint& hint : hints) {
      if (life.expired()) return;
      if (told.hint) told.hint(hint.backend, hint.what);
    }
  }

  // Only once they are missed: a service account that may not read EndpointSlices need not hear of it else.
  void watch_zones() {
    if (!zones_watch_.watch) return;
    watches_.push_back(std::exchange(zones_watch_, {}));
    start(watches_.back());
  }

  void note_cluster(std::set<backend_hint>& hints) {
    cnpg_cluster now = read_cnpg_cluster(cluster_object_.now());
    if (now == cluster_) return;
    const cnpg_cluster before = std::exchange(cluster_, std::move(now));
    if (!cluster_.malformed_fencing.empty() && cluster_.malformed_fencing != before.malformed_fencing) {
      log(log_level::warning,
          "annotation cnpg.io/fencedInstances is no JSON list of names, nobody counts as fenced",
          {{"found", std::string_view(cluster_.malformed_fencing)}});
    }
    pods_.withhold(cluster_.fenced);
    if (before.current_primary != cluster_.current_primary) {
      hint(before.current_primary, notice::status, hints);
      hint(cluster_.current_primary, notice::status, hints);
    }
    if (before.successor() == cluster_.successor()) return;
    hint(before.successor().value_or(""), notice::status, hints);
    hint(cluster_.successor().value_or(""), notice::status, hints);
  }

  void note_lease(std::set<backend_hint>& hints) {
    std::string now = read_cnpg_lease(lease_object_.now());
    if (now == holder_) return;
    const std::string before = std::exchange(holder_, std::move(now));
    hint(before, notice::lease, hints);
    hint(holder_, notice::lease, hints);
  }

  void hint(std::string_view pod_name, notice what, std::set<backend_hint>& hints) const {
    if (const auto backend = pods_.named(pod_name)) hints.insert({*backend, what});
  }

  [[nodiscard]] std::optional<switchover> announcement() const {
    const auto successor = cluster_.successor();
    if (!successor) return std::nullopt;
    auto from = pods_.named(cluster_.current_primary);
    auto to = pods_.named(*successor);
    if (!from || !to) return std::nullopt;
    return switchover{std::move(*from), std::move(*to)};
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
  zone_finder zones_;
  single_object cluster_object_;
  single_object lease_object_;
  cnpg_cluster cluster_;  // as of the last publish()
  std::string holder_;    // likewise
  std::optional<switchover> announced_;
  backend_set set_;
  std::vector<watched> watches_;
  watched zones_watch_;  // not begun yet
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> life_ = std::make_shared<bool>(true);  // gone once stopped
  bool is_publishing_soon_ = false;
  time_point published_at_;
  handlers told_;
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

std::vector<std::string> zone_services_of(const kubernetes_options& options) {
  std::vector<std::string> services = options.zone_services;
  if (options.cnpg_cluster.empty()) return services;
  // The last one has every instance; it and -ro can be switched off.
  for (const char* const each : {"-rw", "-ro", "-r"}) services.push_back(options.cnpg_cluster + each);
  return services;
}

std::string to_string(const kubernetes_options& options) {
  return "kubernetes pods " + selector_of(options) + " in " +
         (options.pod_namespace.empty() ? "the pod's own namespace" : options.pod_namespace) + ", port " +
         std::to_string(options.port);
}

std::unique_ptr<source> make_source(boost::asio::io_context& context, const kubernetes_options& options,
                                    const zone_option& zone) {
  return make_kubernetes_source(context, options, zone, api_timing{});
}

std::unique_ptr<source> make_kubernetes_source(boost::asio::io_context& context,
                                               const kubernetes_options& options, const zone_option& zone,
                                               const api_timing& timing) {
  return std::make_unique<kubernetes_source>(context, options, zone, timing);
}

}  // namespace pgsteer::discovery
