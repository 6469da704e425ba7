#include "interned.hpp"

#include <algorithm>

namespace autodiff::detail {

namespace {

std::size_t mixed(std::size_t h, std::size_t x) { return (h ^ x) * 0x9e3779b97f4a7c15 + (h >> 29); }

}  // namespace

std::size_t Interned::Hash::operator()(Dims shape) const {
  std::size_t h = shape.size();
  for (auto length : shape) h = mixed(h, length);
  return h;
}

std::size_t Interned::Hash::operator()(const View& view) const {
  std::size_t h = mixed((*this)(Dims(view.shape)), static_cast<std::size_t>(view.offset));
  for (auto step : view.strides) h = mixed(h, static_cast<std::size_t>(step));
  return h;
}

bool Interned::Same::operator()(Dims a, Dims b) const { return std::ranges::equal(a, b); }

bool Interned::Same::operator()(const View& a, const View& b) const {
  return a.offset == b.offset && std::ranges::equal(a.shape, b.shape) && std::ranges::equal(a.strides, b.strides);
}

const View* Interned::dense(Dims shape) {
  if (last_dense_ && std::ranges::equal(last_dense_->shape, shape)) return last_dense_;
  auto found = dense_.find(shape);
  if (found == dense_.end()) found = dense_.emplace(Shape(shape.begin(), shape.end()), autodiff::dense(shape)).first;
  return last_dense_ = &found->second;
}

const View* Interned::layout(View view) { return &*others_.insert(std::move(view)).first; }

std::string_view Interned::name(std::string_view text) {
  if (text.empty() || text == last_name_) return text.empty() ? std::string_view() : last_name_;
  const auto found = names_.find(text);
  return last_name_ = found != names_.end() ? *found : *names_.emplace(text).first;
}

}  // namespace autodiff::detail
