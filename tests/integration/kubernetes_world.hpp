#pragma once
// kubernetes_world: a Kubernetes source and a fake API server in one thread, and what the source has told.
//
// Not a whole pgsteer (kubernetes_proxy_test.cpp). The test's own thread runs both.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "discovery/kubernetes_source.hpp"
#include "support/eventually.hpp"
#include "support/fake_api.hpp"
#include "unit/discovery/endpoint_samples.hpp"

namespace pgsteer::test {

using discovery::samples::bookmark_json;
using discovery::samples::event_json;
using discovery::samples::list_json;
using discovery::samples::sample_pod;
using discovery::samples::sample_slice;
using discovery::samples::status_json;
using discovery::samples::to_word;

// A pod's folder with the files of its service account.
class account_folder {
 public:
  explicit account_folder(const std::string& authorities) {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("pgsteer-account-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    std::filesystem::create_directory(path_);
    write("token", "token-1");
    write("ca.crt", authorities);
    write("namespace", "db");
  }
  ~account_folder() { std::filesystem::remove_all(path_); }
  account_folder(const account_folder&) = delete;
  account_folder& operator=(const account_folder&) = delete;
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
  }
  void remove(const std::string& name) const { std::filesystem::remove(path_ + "/" + name); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline const sample_pod pod_1;
inline const sample_pod pod_2{.name = "pg-2", .uid = "uid-2", .address = "10.0.0.2"};

class kubernetes_world : public testing::Test {
 protected:
  kubernetes_world() {
    api_.respond = [this](const api_asked& asked) { return answer(asked); };
    // None of them acts because the machine is slow; a test about one shortens it.
    timing_.connect_timeout = timing_.tls_timeout = timing_.header_timeout = beyond_patience;
    timing_.page_timeout = timing_.silence_max = beyond_patience;
    options_.api_server = "https://" + to_string(api_.address());
    options_.token_file = account_.path() + "/token";
    options_.ca_file = account_.path() + "/ca.crt";
    options_.label_selector = "cnpg.io/cluster=pg";
  }
  // Nothing outlives a test: once the source and the API are gone, nothing is left to run.
  ~kubernetes_world() override {
    source_.reset();
    api_.close();
    context_.run_for(patience);
    EXPECT_TRUE(context_.stopped()) << "something is still under way";
  }

  // The list of pods_, then a watch that stays open; script_ answers first, one entry a request.
  api_answered answer(const api_asked& asked) {
    if (!script_.empty()) {
      const api_answered next = script_.front();
      script_.erase(script_.begin());
      return next;
    }
    if (asked.is_watch()) return {.status = 200, .body = "", .then = api_answered::after::open};
    if (asked.target.starts_with("/apis/discovery.k8s.io/v1/namespaces/db/endpointslices?"))
      return {.status = 200, .body = list_json(version_, slices_)};
    return {.status = 200, .body = list_json(version_, pods_)};
  }

  void start() {
    source_ = discovery::make_kubernetes_source(context_, options_, zone_, timing_);
    source_->start(
        {[this](const std::vector<discovery::discovered_backend>& set) { published_.push_back(words(set)); },
         [this](const discovery::discovered_backend& backend, discovery::notice what) {
           hints_.push_back(backend.identity + " " + to_word(what));
         },
         {}});
  }
  // Of the watch of one resource.
  [[nodiscard]] discovery::watch_figures figures(std::string_view resource = "pods") const {
    for (const discovery::watch_figures& each : source_->figures()) {
      if (each.resource == resource) return each;
    }
    return {};
  }
  // Runs until claim() holds; false if it never does.
  bool run_until(const std::function<bool()>& claim) {
    const time_point limit = clock::now() + patience;
    while (!claim() && clock::now() < limit) context_.run_one_for(milliseconds{50});
    return claim();
  }
  bool run_until_watching(std::size_t watches = 1) {
    return run_until([this, watches] { return api_.open_watches() == watches && figures().is_watching; });
  }
  bool run_until_published(std::size_t sets) {
    return run_until([this, sets] { return published_.size() >= sets; });
  }
  bool run_until_asked(std::size_t requests) {
    return run_until([this, requests] { return api_.asked().size() >= requests; });
  }
  [[nodiscard]] std::uint64_t errors(std::string_view kind) const { return figures().errors.at(kind); }
  [[nodiscard]] std::uint64_t events(std::string_view type) const { return figures().events.at(type); }
  // "list", "list c1", "watch 10": the requests so far.
  [[nodiscard]] std::vector<std::string> asked() const {
    std::vector<std::string> out;
    for (const api_asked& each : api_.asked()) {
      const std::string of = each.is_watch() ? each.parameter("resourceVersion") : each.parameter("continue");
      out.push_back((each.is_watch() ? "watch" : "list") + (of.empty() ? "" : " " + of));
    }
    return out;
  }
  // "pg-1:5432 10.0.0.1 uid-1; pg-2:5432 10.0.0.2 uid-2 in east, near"
  static std::string words(const std::vector<discovery::discovered_backend>& set) {
    std::string out;
    for (const auto& each : set) {
      out += (out.empty() ? "" : "; ") + each.name + " " + each.address.host + " " + each.identity;
      if (!each.zone.empty()) out += " in " + each.zone + (each.is_in_own_zone ? ", near" : "");
    }
    return out;
  }

  boost::asio::io_context context_{1};
  throwaway_ca ca_;
  account_folder account_{ca_.certificate()};
  fake_api api_{context_, ca_.sign("IP:127.0.0.1,DNS:localhost")};
  std::vector<sample_pod> pods_{pod_1};
  std::vector<sample_slice> slices_;
  std::string version_ = "10";
  std::vector<api_answered> script_;
  discovery::kubernetes_options options_;
  discovery::zone_option zone_;
  discovery::api_timing timing_;
  std::unique_ptr<discovery::source> source_;
  std::vector<std::string> published_;
  std::vector<std::string> hints_;
};

inline const std::string pod_1_words = "pg-1:5432 10.0.0.1 uid-1";
inline const std::string pod_2_words = "pg-2:5432 10.0.0.2 uid-2";

}  // namespace pgsteer::test
