#include "slots.hpp"

#include <vector>

namespace nn {

template <Real T>
Slots<T>& Slots<T>::operator=(const Slots& from) {
  std::vector<std::string> gone;
  for (const auto& [name, entry] : entries_)
    if (!from.contains(name)) gone.push_back(name);
  for (const auto& name : gone) erase(name);
  for (const auto& [name, value] : from) (*this)[name] = value;
  return *this;
}

template <Real T>
Variable<T>& Slots<T>::operator()(const std::string& name, const Variable<T>& like) {
  if (const auto found = find(name); found != end()) return found->second;
  return (*this)[name] = Variable<T>(Array<T>(xt::zeros<T>(like.shape())));
}

template <Real T>
autodiff::StateCell<T> Slots<T>::cell(const std::string& name) {
  auto& entry = entries_[name];
  if (!entry) entry = std::make_shared<Entry>(name, Variable<T>());
  return {entry, &entry->second};
}

template <Real T>
void Slots<T>::clear() {
  for (auto& [name, entry] : entries_) entry->second = Variable<T>();  // so that a program that has it notices
  entries_.clear();
}

template <Real T>
std::size_t Slots<T>::erase(std::string_view name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return 0;
  found->second->second = Variable<T>();
  entries_.erase(found);
  return 1;
}

template class Slots<float>;
template class Slots<double>;

}  // namespace nn
