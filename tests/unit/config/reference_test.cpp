// config/reference.yaml says what the code does: every key, every default, nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/pfr.hpp>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "config/load_document.hpp"

namespace pgsteer::config {
namespace {

std::string text_of(const std::string& file) {
  std::ifstream stream(std::string(PGSTEER_SOURCE_DIR) + "/config/" + file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// The reference with an alternative source in place of the static list: the block behind "    #name:" counts,
// that under "static:" and the other alternatives do not.
std::string text_with(const std::string& source) {
  std::istringstream lines(text_of("reference.yaml"));
  std::string out;
  bool is_static = false;
  bool is_alternative = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "    static:") is_static = true;
    if (!line.starts_with("    ")) is_static = false;
    is_alternative = line == "    #" + source + ":" || (is_alternative && line.starts_with("    #  "));
    if (is_alternative) {
      line.erase(4, 1);
    } else if (is_static) {
      continue;
    }
    out += line + "\n";
  }
  return out;
}

std::string dns_text() {
  return text_with("dns");
}

std::string kubernetes_text() {
  return text_with("kubernetes");
}

// With the alternative to its label_selector.
std::string cnpg_text() {
  std::string text = kubernetes_text();
  const auto selector = text.find("      label_selector:");
  text.insert(selector + 6, "#");
  text.erase(text.find("#cnpg_cluster:"), 1);
  return text;
}

void add_keys(const YAML::Node& node, const std::string& path, std::set<std::string>& out) {
  if (node.IsSequence()) {
    for (const auto& each : node) add_keys(each, path, out);
  } else if (node.IsMap()) {
    for (const auto& pair : node) {
      const std::string inner = (path.empty() ? "" : path + ".") + pair.first.Scalar();
      out.insert(inner);
      add_keys(pair.second, inner, out);
    }
  }
}

struct loaded {
  config options;
  std::set<std::string> known;  // keys the code asked for
  std::set<std::string> named;  // keys that stand in the file
};

loaded load_whole(const std::string& text) {
  document file("reference.yaml");
  loaded out{load_document(file, text), file.known_keys(), {}};
  for (const std::string& line : file.problem_lines()) ADD_FAILURE() << line;
  add_keys(YAML::Load(text), "", out.named);
  return out;
}

TEST(Reference, ValuesShownAreTheDefaults) {
  const config reference = load_whole(text_of("reference.yaml")).options;
  const config defaults;
  EXPECT_TRUE(boost::pfr::eq_fields(reference.probe, defaults.probe));
  EXPECT_TRUE(boost::pfr::eq_fields(reference.topology, defaults.topology));
  EXPECT_TRUE(boost::pfr::eq_fields(reference.relay, defaults.relay));
  EXPECT_TRUE(boost::pfr::eq_fields(reference.admin, defaults.admin));
  EXPECT_TRUE(boost::pfr::eq_fields(reference.control, defaults.control));
  EXPECT_TRUE(boost::pfr::eq_fields(reference.log, defaults.log));
  EXPECT_EQ(reference.zone, defaults.zone);
  EXPECT_EQ(reference.state_dir, defaults.state_dir);
  EXPECT_EQ(reference.workers, defaults.workers);
  EXPECT_EQ(reference.drain_timeout, defaults.drain_timeout);
  EXPECT_EQ(reference.drain_grace, defaults.drain_grace);
  EXPECT_EQ(reference.reload_on_change, defaults.reload_on_change);
  EXPECT_TRUE(boost::pfr::eq_fields(reference.runtime.tcp, defaults.runtime.tcp));
  EXPECT_EQ(std::get<discovery::static_options>(reference.discovery).refresh,
            discovery::static_options{}.refresh);
}

TEST(Reference, LimitsShownAreTheDefaults) {
  const runtime::options shown = load_whole(text_of("reference.yaml")).options.runtime;
  const runtime::options defaults;
  EXPECT_TRUE(boost::pfr::eq_fields(shown.limits, defaults.limits));
  EXPECT_TRUE(boost::pfr::eq_fields(shown.login, defaults.login));
}

TEST(Reference, FirstListenerShowsTheDefaults) {
  const config reference = load_whole(text_of("reference.yaml")).options;
  ASSERT_FALSE(reference.runtime.listeners.empty());
  const runtime::listener_options& shown = reference.runtime.listeners.front();
  runtime::listener_options defaults;
  defaults.policy.zone_imbalance_max.reset();  // as on every route to the primary
  EXPECT_TRUE(boost::pfr::eq_fields(shown.policy, defaults.policy));
  EXPECT_EQ(shown.hold_timeout, defaults.hold_timeout);
}

TEST(Reference, AlternativeSourceShowsTheDefaults) {
  const config reference = load_whole(dns_text()).options;
  const auto& source = std::get<discovery::dns_options>(reference.discovery);
  EXPECT_EQ(source.port, discovery::dns_options{}.port);
  EXPECT_EQ(source.refresh, discovery::dns_options{}.refresh);
}

TEST(Reference, KubernetesShowsTheDefaults) {
  for (const std::string& text : {kubernetes_text(), cnpg_text()}) {
    const config reference = load_whole(text).options;
    auto source = std::get<discovery::kubernetes_options>(reference.discovery);
    EXPECT_NE(source.label_selector.empty(), source.cnpg_cluster.empty());
    source.label_selector = source.cnpg_cluster = "";  // the examples
    EXPECT_TRUE(boost::pfr::eq_fields(source, discovery::kubernetes_options{}));
  }
}

TEST(Reference, NamesEveryKeyTheCodeKnows) {
  std::vector<loaded> variants;
  std::set<std::string> named;
  for (const std::string& text : {text_of("reference.yaml"), dns_text(), kubernetes_text(), cnpg_text()}) {
    variants.push_back(load_whole(text));
    named.insert(variants.back().named.begin(), variants.back().named.end());
  }
  for (const loaded& each : variants) EXPECT_EQ(each.known, named);
}

// "listeners.bind" of "listeners[rw].bind".
std::string without_name(const std::string& key) {
  const auto open = key.find('[');
  return open == std::string::npos ? key : key.substr(0, open) + key.substr(key.find(']') + 1);
}

// Every key that holds a value, and not another mapping or the listeners, tells that value.
TEST(Reference, EveryKeyIsASetting) {
  std::set<std::string> set;
  std::set<std::string> known;
  for (const std::string& text : {text_of("reference.yaml"), dns_text(), kubernetes_text(), cnpg_text()}) {
    const loaded file = load_whole(text);
    known.insert(file.known.begin(), file.known.end());
    for (const setting& each : file.options.settings) set.insert(without_name(each.key));
  }
  std::erase_if(known, [&known](const std::string& key) {
    const auto below = known.lower_bound(key + ".");
    return below != known.end() && below->starts_with(key + ".");
  });
  EXPECT_EQ(set, known);
}

TEST(Reference, IsTheSameWrittenAsYaml) {
  for (const std::string& text : {text_of("reference.yaml"), dns_text(), kubernetes_text(), cnpg_text()}) {
    const config shown = load_whole(text).options;
    EXPECT_EQ(load_text(to_yaml(shown), "written.yaml").settings, shown.settings);
  }
}

// One key per option: an option added to a struct without a key shows here.
TEST(Reference, HasAKeyForEveryOption) {
  const std::set<std::string> known = load_whole(text_of("reference.yaml")).known;
  const auto keys_in = [&](const std::string& path) {
    return static_cast<std::size_t>(std::count_if(known.begin(), known.end(), [&](const std::string& key) {
      return key.starts_with(path + ".") && key.find('.', path.size() + 1) == std::string::npos;
    }));
  };
  using boost::pfr::tuple_size_v;
  EXPECT_EQ(keys_in("probe"), tuple_size_v<probe::probe_options>);
  EXPECT_EQ(keys_in("relay"), tuple_size_v<relay::relay_options>);
  EXPECT_EQ(keys_in("admin"), tuple_size_v<admin::admin_options>);
  EXPECT_EQ(keys_in("control"), tuple_size_v<admin::control_options>);
  EXPECT_EQ(keys_in("tcp"), tuple_size_v<net::tcp_options>);
  EXPECT_EQ(keys_in("log"), tuple_size_v<log_options>);
  EXPECT_EQ(keys_in("cluster") + keys_in("failover"), tuple_size_v<topology::topology_options> - 3 + 4)
      << "is_cnpg_cluster, cnpg_settle and switchover_hold follow from others; and backends, zone, "
         "state_dir, "
         "encrypted_idle_time";
  EXPECT_EQ(keys_in("limits"), tuple_size_v<runtime::limit_options> + tuple_size_v<runtime::login_options>);
  EXPECT_EQ(keys_in("cluster.backends.static"), tuple_size_v<discovery::static_options> - 2)
      << "zones are part of addresses, and what was resolved before is not the operator's to say";
  EXPECT_EQ(keys_in("cluster.backends.dns"), tuple_size_v<discovery::dns_options>);
  EXPECT_EQ(keys_in("cluster.backends.kubernetes"), tuple_size_v<discovery::kubernetes_options>);
  // policy is three keys and max_replay_lag, which sets two fields.
  EXPECT_EQ(keys_in("listeners"),
            tuple_size_v<runtime::listener_options> - 1 + tuple_size_v<routing::route_policy> - 1);
}

TEST(Minimal, Loads) {
  const config minimal = load_whole(text_of("minimal.yaml")).options;
  EXPECT_EQ(minimal.runtime.listeners.size(), 2U);
}

// Cutting a file anywhere gives options or problems, never anything else.
TEST(Load, SurvivesAFileCutAtEveryByte) {
  const std::string text = text_of("minimal.yaml") + text_of("reference.yaml").substr(0, 1'000);
  for (std::size_t size = 0; size < text.size(); ++size) {
    SCOPED_TRACE(size);
    try {
      static_cast<void>(load_text(text.substr(0, size), "cut.yaml"));
    } catch (const config_error& error) {
      ASSERT_FALSE(error.problems().empty());
    }
  }
}

}  // namespace
}  // namespace pgsteer::config
