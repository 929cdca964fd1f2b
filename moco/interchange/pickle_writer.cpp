#include "moco/interchange/pickle_writer.h"

#include <cstring>
#include <limits>

#include "core/error.h"

namespace moco {
namespace {

/// `opcode`, then a number's bytes.
template <typename T>
std::string with_number(char opcode, T number) {
    std::string bytes(1, opcode);
    bytes.append(reinterpret_cast<const char*>(&number), sizeof(number));
    return bytes;
}

}  // namespace

PythonDict state_dict_of(const std::vector<TensorItem>& items) {
    PythonDict dict;
    dict.ordered = true;
    for (const TensorItem& item : items) dict.items.emplace_back(py(item.name), PythonValue{item});
    return dict;
}

PickleWriter::PickleWriter(int protocol, std::function<void(std::string_view)> sink, WriteTensor tensor)
    : sink_(std::move(sink)), tensor_(std::move(tensor)) {
    put({"\x80", 1});
    put(std::string(1, static_cast<char>(protocol)));
}

void PickleWriter::global(std::string_view module, std::string_view name) {
    put(fmt::format("c{}\n{}\n", module, name));
}

void PickleWriter::text(std::string_view text) {
    put(with_number('X', static_cast<uint32_t>(text.size())));
    put(text);
}

void PickleWriter::integer(int64_t number) {
    const bool fits = number >= std::numeric_limits<int32_t>::min() && number <= std::numeric_limits<int32_t>::max();
    if (fits) return put(with_number('J', static_cast<int32_t>(number)));
    put({"\x8a\x08", 2});  // LONG1 of 8 bytes
    put(with_number('\0', number).substr(1));
}

void PickleWriter::real(double number) {
    uint64_t bits = 0;
    std::memcpy(&bits, &number, sizeof(bits));
    put(with_number('G', __builtin_bswap64(bits)));
}

void PickleWriter::extents(const std::vector<int64_t>& numbers) {
    put("(");
    for (const int64_t number : numbers) integer(number);
    put("t");
}

void PickleWriter::dict(const PythonDict& dict) {
    if (dict.ordered) {
        global("collections", "OrderedDict");
        put(")R");
    } else {
        put("}");
    }
    put("(");
    for (const auto& [key, held] : dict.items) {
        value(key);
        value(held);
    }
    put("u");
}

void PickleWriter::list(const PythonList& list) {
    put("](");
    for (const PythonValue& item : list.items) value(item);
    put("e");
}

void PickleWriter::value(const PythonValue& of) {
    const auto write = [this](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
            put("N");
        } else if constexpr (std::is_same_v<T, bool>) {
            put(held ? "\x88" : "\x89");
        } else if constexpr (std::is_same_v<T, int64_t>) {
            integer(held);
        } else if constexpr (std::is_same_v<T, double>) {
            real(held);
        } else if constexpr (std::is_same_v<T, std::string>) {
            text(held);
        } else if constexpr (std::is_same_v<T, TensorItem>) {
            tensor_(*this, held);
        } else if constexpr (std::is_same_v<T, PythonDict>) {
            dict(held);
        } else {
            list(held);
        }
    };
    std::visit(write, of.value);
}

}  // namespace moco
