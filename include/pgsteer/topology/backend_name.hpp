#pragma once
// backend_name: what people call a backend, kept once and shared by every snapshot that names it.
//
// Not its identity (that is backend_id). A value whose text never changes; any thread. A copy allocates
// nothing.
#include <memory>
#include <string>
#include <utility>

namespace pgsteer::topology {

class backend_name {
 public:
  backend_name() = default;
  // From what discovery or a test calls it; as good as the text itself.
  backend_name(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {}
  backend_name(const char* text) : backend_name(std::string(text)) {}

  // Valid as long as any copy.
  [[nodiscard]] const std::string& text() const noexcept {
    static const std::string none;
    return text_ ? *text_ : none;
  }

  friend bool operator==(const backend_name& left, const backend_name& right) noexcept {
    return left.text_ == right.text_ || left.text() == right.text();
  }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace pgsteer::topology
