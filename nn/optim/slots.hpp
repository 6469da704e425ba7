// Slots<T>: what an optimiser remembers about a parameter.
#pragma once

#include <iterator>
#include <map>
#include <memory>
#include <nn/model/parameter.hpp>
#include <string>
#include <string_view>

namespace nn {

/// What a rule remembers about one parameter from step to step, by name, and the one place where it is: programs that
/// were recorded with a slot change it here, in place. Copies are independent; what is assigned takes the values where
/// they are. A program of which a slot was erased throws TapeError at its next run.
template <Real T>
class Slots {
  using Entry = std::pair<const std::string, Variable<T>>;
  using Entries = std::map<std::string, std::shared_ptr<Entry>, std::less<>>;

  template <class Place, class E>
  class Iterator {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using reference = E&;
    using pointer = E*;
    using iterator_category = std::forward_iterator_tag;
    Iterator() = default;
    explicit Iterator(Place place) : place_(place) {}
    E& operator*() const { return *place_->second; }
    E* operator->() const { return place_->second.get(); }
    Iterator& operator++() { return ++place_, *this; }
    Iterator operator++(int) { return Iterator(place_++); }
    bool operator==(const Iterator&) const = default;

   private:
    Place place_{};
  };

 public:
  using iterator = Iterator<typename Entries::iterator, Entry>;
  using const_iterator = Iterator<typename Entries::const_iterator, const Entry>;

  Slots() = default;
  Slots(const Slots& from) { *this = from; }
  Slots(Slots&&) noexcept = default;
  Slots& operator=(const Slots& from);
  ~Slots() { clear(); }

  /// The slot of this name, to be read and assigned; at first zeros of the shape of `like`.
  Variable<T>& operator()(const std::string& name, const Variable<T>& like);
  /// All slots so far, to be saved and restored: like a map of variables by name.
  Slots& all() { return *this; }
  const Slots& all() const { return *this; }

  iterator begin() { return iterator(entries_.begin()); }
  iterator end() { return iterator(entries_.end()); }
  const_iterator begin() const { return const_iterator(entries_.begin()); }
  const_iterator end() const { return const_iterator(entries_.end()); }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  iterator find(std::string_view name) { return iterator(entries_.find(name)); }
  const_iterator find(std::string_view name) const { return const_iterator(entries_.find(name)); }
  bool contains(std::string_view name) const { return entries_.contains(name); }
  std::size_t count(std::string_view name) const { return entries_.count(name); }
  /// Throws std::out_of_range for a slot that is not there.
  Variable<T>& at(const std::string& name) { return entries_.at(name)->second; }
  const Variable<T>& at(const std::string& name) const { return entries_.at(name)->second; }
  /// An empty variable where there is none yet.
  Variable<T>& operator[](const std::string& name) { return *cell(name); }
  void clear();
  std::size_t erase(std::string_view name);
  operator std::map<std::string, Variable<T>>() const { return {begin(), end()}; }

  /// The slot as programs read and change it.
  autodiff::StateCell<T> cell(const std::string& name);
  /// Leaves all slots to the programs that have them.
  void release() { entries_.clear(); }

 private:
  Entries entries_;
};

extern template class Slots<float>;
extern template class Slots<double>;

}  // namespace nn
