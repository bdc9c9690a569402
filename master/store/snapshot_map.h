#ifndef TAREA_MASTER_STORE_SNAPSHOT_MAP_H_
#define TAREA_MASTER_STORE_SNAPSHOT_MAP_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

namespace tarea {

// A sorted map whose copy costs nothing: a balanced (AVL) tree of nodes that never change. A change
// makes new nodes on the way from the root to the entry and shares all the others with the copies,
// which go on showing what they showed. Costs O(log n) time and memory a change.
//
// As thread-safe as an int: a map that no thread changes may be read, and copied, by many.
template <typename Key, typename Value>
class SnapshotMap {
 public:
  using Entry = std::pair<Key, Value>;

  int64_t size() const { return size_; }

  // Each of these answers nullptr if there is none. What they point to lives until the map is
  // changed or destroyed.
  const Value* Find(const Key& key) const {
    const Entry* entry = AtLeast(key);
    return entry != nullptr && !(key < entry->first) ? &entry->second : nullptr;
  }
  const Entry* First() const {
    return Search([](const Key&) { return true; });
  }
  const Entry* AtLeast(const Key& key) const {
    return Search([&key](const Key& other) { return !(other < key); });
  }
  const Entry* After(const Key& key) const {
    return Search([&key](const Key& other) { return key < other; });
  }
  const Entry* Before(const Key& key) const {
    const Entry* found = nullptr;
    for (const Node* node = root_.get(); node != nullptr;) {
      const bool before = node->entry.first < key;
      if (before) found = &node->entry;
      node = before ? node->right.get() : node->left.get();
    }
    return found;
  }

  // Adds, or replaces.
  void Put(Key key, Value value) {
    root_ = With(root_, Entry(std::move(key), std::move(value)), size_);
  }
  void Erase(const Key& key) { root_ = Without(root_, key, size_); }

 private:
  struct Node;
  using Tree = std::shared_ptr<const Node>;
  struct Node {
    Node(Tree l, Entry e, Tree r)
        : entry(std::move(e)),
          left(std::move(l)),
          right(std::move(r)),
          height(1 + std::max(Height(left), Height(right))) {}

    const Entry entry;
    const Tree left;
    const Tree right;
    const int height;
  };

  static int Height(const Tree& tree) { return tree == nullptr ? 0 : tree->height; }

  static Tree Join(Tree left, Entry entry, Tree right) {
    return std::make_shared<const Node>(std::move(left), std::move(entry), std::move(right));
  }

  // Like Join, for trees whose heights differ by up to 2.
  static Tree Balance(Tree left, Entry entry, Tree right) {
    const int slant = Height(left) - Height(right);
    if (slant > 1) {
      if (Height(left->left) >= Height(left->right)) {
        return Join(left->left, left->entry, Join(left->right, std::move(entry), std::move(right)));
      }
      const Tree& middle = left->right;
      return Join(Join(left->left, left->entry, middle->left), middle->entry,
                  Join(middle->right, std::move(entry), std::move(right)));
    }
    if (slant < -1) {
      if (Height(right->right) >= Height(right->left)) {
        return Join(Join(std::move(left), std::move(entry), right->left), right->entry,
                    right->right);
      }
      const Tree& middle = right->left;
      return Join(Join(std::move(left), std::move(entry), middle->left), middle->entry,
                  Join(middle->right, right->entry, right->right));
    }
    return Join(std::move(left), std::move(entry), std::move(right));
  }

  static Tree With(const Tree& tree, Entry entry, int64_t& size) {
    if (tree == nullptr) {
      size++;
      return Join(nullptr, std::move(entry), nullptr);
    }
    if (entry.first < tree->entry.first) {
      return Balance(With(tree->left, std::move(entry), size), tree->entry, tree->right);
    }
    if (tree->entry.first < entry.first) {
      return Balance(tree->left, tree->entry, With(tree->right, std::move(entry), size));
    }
    return Join(tree->left, std::move(entry), tree->right);
  }

  static Tree Without(const Tree& tree, const Key& key, int64_t& size) {
    if (tree == nullptr) return nullptr;
    if (key < tree->entry.first) {
      return Balance(Without(tree->left, key, size), tree->entry, tree->right);
    }
    if (tree->entry.first < key) {
      return Balance(tree->left, tree->entry, Without(tree->right, key, size));
    }
    size--;
    if (tree->left == nullptr) return tree->right;
    if (tree->right == nullptr) return tree->left;
    const Node* next = tree->right.get();
    while (next->left != nullptr) next = next->left.get();
    return Balance(tree->left, next->entry, WithoutFirst(tree->right));
  }

  static Tree WithoutFirst(const Tree& tree) {
    if (tree->left == nullptr) return tree->right;
    return Balance(WithoutFirst(tree->left), tree->entry, tree->right);
  }

  // The first entry whose key `matches`; if one does, all that follow do.
  template <typename Matches>
  const Entry* Search(Matches matches) const {
    const Entry* found = nullptr;
    for (const Node* node = root_.get(); node != nullptr;) {
      const bool match = matches(node->entry.first);
      if (match) found = &node->entry;
      node = match ? node->left.get() : node->right.get();
    }
    return found;
  }

  Tree root_;
  int64_t size_ = 0;
};

template <typename Key>
class SnapshotSet : private SnapshotMap<Key, std::monostate> {
  using Map = SnapshotMap<Key, std::monostate>;

 public:
  using Map::Erase;
  using Map::size;

  void Insert(Key key) { Map::Put(std::move(key), {}); }
  const Key* First() const { return KeyOf(Map::First()); }
  const Key* AtLeast(const Key& key) const { return KeyOf(Map::AtLeast(key)); }
  const Key* After(const Key& key) const { return KeyOf(Map::After(key)); }
  const Key* Before(const Key& key) const { return KeyOf(Map::Before(key)); }

 private:
  static const Key* KeyOf(const typename Map::Entry* entry) {
    return entry == nullptr ? nullptr : &entry->first;
  }
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SNAPSHOT_MAP_H_
