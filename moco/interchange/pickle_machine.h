// The stack machine behind unpickle(). Internal to moco/interchange.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "moco/interchange/pickle_globals.h"
#include "moco/interchange/pickle_values.h"

namespace moco {

inline PickleValue of_kind(PickleKind kind, std::vector<PickleId> items = {}) {
    PickleValue value;
    value.kind = kind;
    value.items = std::move(items);
    return value;
}

/// Runs opcodes until STOP. Every value has been made by an opcode of its own: no file makes more than it has bytes.
class PickleMachine {
  public:
    PickleMachine(std::span<const uint8_t> bytes, const std::string& path, size_t first_byte)
        : bytes_(bytes), path_(path), first_byte_(first_byte) {}

    void run();
    PickleGraph take_graph() { return std::move(graph_); }
    size_t bytes_read() const { return place_; }

  private:
    // Opcodes (pickle_machine.cpp, the first two pickle_literals.cpp); each says whether it knew the opcode.
    bool literal(uint8_t opcode);
    bool text_or_bytes(uint8_t opcode);
    bool container(uint8_t opcode);
    bool stack_or_memo(uint8_t opcode);
    bool object(uint8_t opcode);

    // Objects (pickle_objects.cpp).
    void push_global(std::string module_and_name);
    void reduce();
    void build();
    void new_object();
    void persistent_id();
    PickleValue called(GlobalMeaning meaning, const PickleValue& arguments);
    PickleValue ordered_dict(const PickleValue& arguments);
    PickleValue rebuilt_tensor(const PickleValue& arguments);
    PickleValue rebuilt_parameter(const PickleValue& arguments);
    PickleValue numpy_buffer(const PickleValue& arguments);
    PickleValue numpy_dtype(const PickleValue& arguments);
    PickleValue numpy_scalar(const PickleValue& arguments);
    PickleValue latin1_bytes(const PickleValue& arguments);
    PickleValue array_of(PickleArray array);
    void fill_array(PickleId array, const PickleValue& state);
    void set_byte_order(PickleValue& dtype, const PickleValue& state);
    std::vector<int64_t> extents(PickleId tuple, const char* what) const;

    // Bytes.
    template <typename T>
    T number() {
        T number;
        std::memcpy(&number, take(sizeof(T)).data(), sizeof(T));
        return number;
    }
    std::string_view take(uint64_t count);
    std::string_view line();

    // Stack and memo.
    void push(PickleValue value);
    void push_id(PickleId id) { stack_.push_back(id); }
    PickleId pop();
    PickleId top() const;
    std::vector<PickleId> pop_to_mark();
    PickleValue& value(PickleId id) { return graph_.values[id]; }
    const PickleValue& value(PickleId id) const { return graph_.values[id]; }
    const PickleValue& item(const PickleValue& of, size_t i, PickleKind kind, const char* what) const;
    void remember(uint64_t index) { memo_[index] = top(); }
    void recall(uint64_t index);
    void add_items(PickleId target, const std::vector<PickleId>& items);
    void add_pairs(PickleId target, const std::vector<PickleId>& pairs);
    /// Counts what is copied: honest files have each piece once, others would make much of little.
    void spend(size_t amount);

    /// Throws Error with the file and the byte of the opcode unless `condition` holds.
    template <typename... Args>
    void expect(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
        if (!condition) refuse(fmt::format(format, std::forward<Args>(args)...));
    }
    [[noreturn]] void refuse(const std::string& why) const;

    std::span<const uint8_t> bytes_;
    const std::string& path_;
    size_t first_byte_, place_ = 0, opcode_place_ = 0, spent_ = 0;
    PickleGraph graph_;
    std::vector<PickleId> stack_;
    std::vector<size_t> marks_;  // heights of the stack
    std::unordered_map<uint64_t, PickleId> memo_;
};

}  // namespace moco
