// Reads the Kubernetes API's answers in one piece, cut in two and byte by byte: all three must tell alike.
//
// Input: Byte1 what (0 a watch, 1 a list, 2 a Status) | Byte1 where to cut | the body.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/api_reader.hpp"
#include "pgsteer/base/assert.hpp"

namespace pgsteer::discovery {
namespace {

const api_resource pods{"/api/v1",
                        "pods",
                        "",
                        "",
                        {{"metadata", "name"},
                         {"metadata", "labels", "role"},
                         {"status", "podIP"},
                         {"status", "conditions", "[]", "type"},
                         {"status", "conditions", "[]", "status"}}};

// What a reader has told, in order, and how it ended.
struct reading {
  std::vector<std::string> told;
  std::string version;
  bool is_good = true;

  friend bool operator==(const reading&, const reading&) = default;
};

std::string in_words(const api_object& object) {
  std::string out = object.uid + "@" + object.resource_version;
  for (const picked_value& each : object.fields) {
    PGSTEER_ASSERT(each.which < pods.fields.size());
    PGSTEER_ASSERT(each.text.size() <= json_picker::value_bytes_max);
    out += " " + std::to_string(each.which) + "[" + std::to_string(each.element) + "]" + each.text;
  }
  return out;
}

reading read_watch(const std::vector<std::string_view>& pieces) {
  reading out;
  watch_reader reader(pods, [&](const watch_event& event) {
    out.told.push_back(std::string(to_string(event.what)) + " " + in_words(event.object) + " " +
                       std::to_string(event.status.code) + event.status.reason + event.status.message);
  });
  for (const std::string_view piece : pieces) out.is_good = out.is_good && !reader.consume(piece);
  out.is_good = out.is_good && !reader.finish();
  return out;
}

reading read_list(const std::vector<std::string_view>& pieces) {
  reading out;
  list_reader reader(pods, [&](const api_object& object) { out.told.push_back(in_words(object)); });
  for (const std::string_view piece : pieces) out.is_good = out.is_good && !reader.consume(piece);
  out.is_good = out.is_good && !reader.finish();
  out.version = std::string(reader.resource_version()) + " " + std::string(reader.continue_token());
  return out;
}

void expect_alike(reading (*read)(const std::vector<std::string_view>&), std::size_t cut,
                  std::string_view body) {
  const reading whole = read({body});
  cut = body.empty() ? 0 : cut % body.size();
  const reading halves = read({body.substr(0, cut), body.substr(cut)});
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < body.size(); ++i) bytes.push_back(body.substr(i, 1));
  const reading single = read(bytes);
  PGSTEER_ASSERT(halves.is_good == whole.is_good && single.is_good == whole.is_good);
  // Before a fault, a list may have told more objects where it was cut: what it told is forgotten then.
  if (whole.is_good) PGSTEER_ASSERT(halves == whole && single == whole);
}

}  // namespace
}  // namespace pgsteer::discovery

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsteer::discovery;
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 3) {
    case 0:
      expect_alike(read_watch, data[1], body);
      break;
    case 1:
      expect_alike(read_list, data[1], body);
      break;
    default:
      PGSTEER_ASSERT(read_status(403, body).code == 403);
      break;
  }
  return 0;
}
