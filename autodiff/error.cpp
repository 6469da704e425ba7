#include "error.hpp"

namespace autodiff {

namespace {
thread_local const ErrorScope* innermost = nullptr;
}  // namespace

ErrorScope::ErrorScope(std::string_view name) : name_(name), outer_(innermost) { innermost = this; }
ErrorScope::~ErrorScope() { innermost = outer_; }

std::string ErrorScope::path() {
  std::string path;
  for (const ErrorScope* w = innermost; w; w = w->outer_)
    if (!w->name_.empty()) path = path.empty() ? w->name_ : w->name_ + "/" + path;
  return path;
}

}  // namespace autodiff
