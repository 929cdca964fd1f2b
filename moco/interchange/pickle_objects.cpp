// Names of Python's, and the objects made of them: tensors, arrays, dictionaries. Nothing is called.
#include <algorithm>
#include <cstring>

#include "moco/interchange/pickle_machine.h"
#include "nn/half.h"

namespace moco {
namespace {

constexpr size_t kLongestName = 256, kMostDimensions = 8;
constexpr int64_t kLargestExpanded = 1 << 20;  // elements of a tensor that repeats those of its storage

/// An index just beyond the last element that the tensor sees; -1 where that exceeds 62 bits.
int64_t end_of(const PickleTensor& tensor) {
    constexpr int64_t kMost = int64_t{1} << 62;
    int64_t end = tensor.offset + 1;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
        const int64_t extent = tensor.shape[i], stride = tensor.strides[i];
        if (extent == 0) return 0;
        if (stride != 0 && extent - 1 > (kMost - end) / stride) return -1;
        end += (extent - 1) * stride;
    }
    return end;
}

template <typename T>
T value_of(std::string_view bytes) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
}

PickleValue number_of(FileDType dtype, std::string_view bytes) {
    PickleValue value = of_kind(is_floating(dtype) ? PickleKind::real : PickleKind::integer);
    switch (dtype) {
        case FileDType::f64:
            value.real = value_of<double>(bytes);
            break;
        case FileDType::f32:
            value.real = value_of<float>(bytes);
            break;
        case FileDType::f16:
            value.real = half_to_float(value_of<uint16_t>(bytes));
            break;
        default:  // little endian
            value.number = (bytes.back() & 0x80) != 0 && dtype != FileDType::u8 ? -1 : 0;
            std::memcpy(&value.number, bytes.data(), bytes.size());
    }
    return value;
}

}  // namespace

void PickleMachine::spend(size_t amount) {
    spent_ += amount;
    expect(spent_ <= bytes_.size(), "the pickle makes more of its {} bytes than files of weights do", bytes_.size());
}

const PickleValue& PickleMachine::item(const PickleValue& of, size_t i, PickleKind kind, const char* what) const {
    expect(i < of.items.size() && value(of.items[i]).kind == kind, "the pickle is damaged: {}", what);
    return value(of.items[i]);
}

void PickleMachine::push_global(std::string module_and_name) {
    expect(module_and_name.size() <= kLongestName, "the pickle mentions a name of {} bytes", module_and_name.size());
    if (!meaning_of_global(module_and_name)) {
        std::replace(module_and_name.begin(), module_and_name.end(), ' ', '.');
        refuse(
            fmt::format("the pickle wants {}, which is not among the names that files of weights need and is not let "
                        "in; if you trust the file, save its state_dict alone: torch.save(m.state_dict(), F)",
                        module_and_name));
    }
    PickleValue global = of_kind(PickleKind::global);
    global.text = graph_.texts.emplace_back(std::move(module_and_name));
    push(std::move(global));
}

void PickleMachine::reduce() {
    const PickleId arguments = pop(), function = pop();
    expect(value(function).kind == PickleKind::global, "the pickle calls what is no name, which is not let in");
    expect(value(arguments).kind == PickleKind::tuple, "the pickle is damaged: arguments are no tuple");
    push(called(*meaning_of_global(value(function).text), value(arguments)));
}

PickleValue PickleMachine::called(GlobalMeaning meaning, const PickleValue& arguments) {
    switch (meaning) {
        case GlobalMeaning::dictionary:
            return ordered_dict(arguments);
        case GlobalMeaning::tensor:
            return rebuilt_tensor(arguments);
        case GlobalMeaning::parameter:
            return rebuilt_parameter(arguments);
        case GlobalMeaning::numpy_array:
            return array_of({});
        case GlobalMeaning::numpy_buffer:
            return numpy_buffer(arguments);
        case GlobalMeaning::numpy_scalar:
            return numpy_scalar(arguments);
        case GlobalMeaning::numpy_dtype:
            return numpy_dtype(arguments);
        case GlobalMeaning::latin1_bytes:
            return latin1_bytes(arguments);
        case GlobalMeaning::storage_type:
            refuse("the pickle calls a type of storage, which is not let in");
        case GlobalMeaning::known_object:
            return of_kind(PickleKind::opaque);
    }
    return of_kind(PickleKind::opaque);
}

/// OrderedDict(), or Python 2's OrderedDict([[key, value], ...]).
PickleValue PickleMachine::ordered_dict(const PickleValue& arguments) {
    PickleValue dict = of_kind(PickleKind::dict);
    if (arguments.items.empty()) return dict;
    const PickleValue& pairs = value(arguments.items[0]);
    spend(pairs.items.size());
    for (const PickleId pair : pairs.items) {
        expect(value(pair).items.size() == 2, "the pickle is damaged: an OrderedDict is not made of pairs");
        dict.items.insert(dict.items.end(), value(pair).items.begin(), value(pair).items.end());
    }
    return dict;
}

std::vector<int64_t> PickleMachine::extents(PickleId tuple, const char* what) const {
    const PickleValue& numbers = value(tuple);
    expect(numbers.kind == PickleKind::tuple && numbers.items.size() <= kMostDimensions,
           "the pickle is damaged: {} is no tuple of at most {} numbers", what, kMostDimensions);
    std::vector<int64_t> all;
    for (const PickleId id : numbers.items) {
        expect(value(id).kind == PickleKind::integer && value(id).number >= 0,
               "the pickle is damaged: {} has {} where a whole number >= 0 is expected", what, value(id).number);
        all.push_back(value(id).number);
    }
    return all;
}

/// (storage, offset, shape, strides, ...)
PickleValue PickleMachine::rebuilt_tensor(const PickleValue& arguments) {
    expect(arguments.items.size() >= 4, "the pickle is damaged: a tensor lacks storage, offset, shape or strides");
    PickleTensor tensor;
    tensor.storage = static_cast<PickleId>(item(arguments, 0, PickleKind::storage, "a tensor has no storage").number);
    tensor.offset = item(arguments, 1, PickleKind::integer, "a tensor's offset is no number").number;
    tensor.shape = extents(arguments.items[2], "a tensor's shape");
    tensor.strides = extents(arguments.items[3], "a tensor's strides");
    const PickleStorage& storage = graph_.storages[tensor.storage];
    expect(tensor.shape.size() == tensor.strides.size(),
           "the pickle is damaged: a tensor has {} extents and {} strides", tensor.shape.size(), tensor.strides.size());
    const int64_t bytes = bytes_of(storage.dtype, tensor.shape);
    expect(bytes >= 0 && tensor.offset >= 0 && tensor.offset <= storage.count && end_of(tensor) >= 0 &&
               end_of(tensor) <= storage.count,
           "the pickle is damaged: a tensor of shape {} from element {} reaches beyond its storage of {} elements",
           shape_text(tensor.shape), tensor.offset, storage.count);
    expect(bytes / static_cast<int64_t>(size_of(storage.dtype)) <= std::max(storage.count, kLargestExpanded),
           "the pickle has a tensor of shape {} over a storage of {} elements; no file of weights does",
           shape_text(tensor.shape), storage.count);
    PickleValue made = of_kind(PickleKind::tensor);
    made.number = static_cast<int64_t>(graph_.tensors.size());
    graph_.tensors.push_back(std::move(tensor));
    return made;
}

PickleValue PickleMachine::rebuilt_parameter(const PickleValue& arguments) {
    PickleValue made = of_kind(PickleKind::tensor);
    made.number = item(arguments, 0, PickleKind::tensor, "a parameter is no tensor").number;
    return made;
}

PickleValue PickleMachine::numpy_dtype(const PickleValue& arguments) {
    PickleValue dtype = of_kind(PickleKind::dtype);
    dtype.text = item(arguments, 0, PickleKind::text, "a NumPy type has no name").text;
    return dtype;
}

PickleValue PickleMachine::numpy_scalar(const PickleValue& arguments) {
    const std::string_view name = item(arguments, 0, PickleKind::dtype, "a NumPy number has no type").text;
    const std::optional<FileDType> dtype = dtype_of_numpy(name);
    if (!dtype || arguments.items.size() != 2) return of_kind(PickleKind::opaque);
    const std::string_view bytes = value(arguments.items[1]).text;
    expect(bytes.size() == size_of(*dtype), "the pickle is damaged: a NumPy number of type {} has {} bytes", name,
           bytes.size());
    return number_of(*dtype, bytes);
}

/// encode(text, 'latin1'): one byte for each letter up to U+00FF.
PickleValue PickleMachine::latin1_bytes(const PickleValue& arguments) {
    const std::string_view text = item(arguments, 0, PickleKind::text, "what is encoded is no text").text;
    spend(text.size());
    std::string bytes;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<uint8_t>(text[i]);
        const bool two = (c & 0xfe) == 0xc2 && i + 1 < text.size();
        expect(c < 0x80 || two, "the pickle is damaged: bytes are written with a letter beyond U+00FF");
        bytes.push_back(two ? static_cast<char>((c << 6 & 0xc0) | (static_cast<uint8_t>(text[++i]) & 0x3f)) : text[i]);
    }
    PickleValue made = of_kind(PickleKind::bytes);
    made.text = graph_.texts.emplace_back(std::move(bytes));
    return made;
}

PickleValue PickleMachine::array_of(PickleArray array) {
    PickleValue made = of_kind(PickleKind::array);
    made.number = static_cast<int64_t>(graph_.arrays.size());
    graph_.arrays.push_back(std::move(array));
    return made;
}

/// (bytes, dtype, shape, order)
PickleValue PickleMachine::numpy_buffer(const PickleValue& arguments) {
    PickleArray array;
    array.bytes = item(arguments, 0, PickleKind::bytes, "a NumPy array has no bytes").text;
    array.dtype = item(arguments, 1, PickleKind::dtype, "a NumPy array has no type").text;
    expect(arguments.items.size() == 4, "the pickle is damaged: a NumPy array lacks its shape or order");
    array.shape = extents(arguments.items[2], "a NumPy array's shape");
    array.column_major = value(arguments.items[3]).text == "F";
    return array_of(std::move(array));
}

/// (version, shape, dtype, column-major, bytes)
void PickleMachine::fill_array(PickleId array, const PickleValue& state) {
    PickleArray filled;
    filled.dtype = item(state, 2, PickleKind::dtype, "a NumPy array has no type").text;
    expect(state.items.size() == 5, "the pickle is damaged: a NumPy array lacks its bytes");
    if (!dtype_of_numpy(filled.dtype)) {  // texts, objects: no weights
        value(array).kind = PickleKind::opaque;
        return;
    }
    filled.shape = extents(state.items[1], "a NumPy array's shape");
    filled.column_major = value(state.items[3]).number != 0;
    filled.bytes = value(state.items[4]).text;
    graph_.arrays[static_cast<size_t>(value(array).number)] = std::move(filled);
}

/// (version, byte order, ...)
void PickleMachine::set_byte_order(PickleValue& dtype, const PickleValue& state) {
    const std::string_view order = item(state, 1, PickleKind::text, "a NumPy type has no byte order").text;
    expect(order != ">", "the pickle has NumPy arrays of big-endian type {}; save them as {}", dtype.text,
           "little endian");
}

void PickleMachine::build() {
    const PickleId state = pop(), target = top();
    switch (value(target).kind) {
        case PickleKind::array:
            return fill_array(target, value(state));
        case PickleKind::dtype:
            return set_byte_order(value(target), value(state));
        case PickleKind::dict:  // attributes, such as a state_dict's _metadata
        case PickleKind::opaque:
        case PickleKind::tensor:
            return;
        default:
            refuse("the pickle gives a state to what can have none");
    }
}

void PickleMachine::new_object() {
    const PickleId arguments = pop(), type = pop();
    expect(value(type).kind == PickleKind::global && value(arguments).kind == PickleKind::tuple,
           "the pickle is damaged: a new object has no type or no arguments");
    const GlobalMeaning meaning = *meaning_of_global(value(type).text);
    expect(meaning == GlobalMeaning::known_object || meaning == GlobalMeaning::dictionary,
           "the pickle makes a new {}, which is not let in", value(type).text);
    push(of_kind(meaning == GlobalMeaning::dictionary ? PickleKind::dict : PickleKind::opaque));
}

/// ("storage", type, key, device, count), in old files also None or (key of the view, first element, count).
void PickleMachine::persistent_id() {
    const PickleValue& id = value(pop());
    expect(id.kind == PickleKind::tuple && id.items.size() >= 5 &&
               item(id, 0, PickleKind::text, "an outside object has no kind").text == "storage",
           "the pickle refers to something outside that is no storage");
    PickleStorage storage;
    const std::string_view type = item(id, 1, PickleKind::global, "a storage has no type").text;
    const std::optional<FileDType> dtype = dtype_of_storage(type);
    expect(dtype.has_value(), "the pickle has a storage of type {}, which is none", type);
    storage.dtype = *dtype;
    storage.key = item(id, 2, PickleKind::text, "a storage has no key").text;
    storage.count = item(id, 4, PickleKind::integer, "a storage has no count").number;
    if (id.items.size() > 5 && value(id.items[5]).kind == PickleKind::tuple) {
        const PickleValue& view = value(id.items[5]);
        const int64_t whole = storage.count;
        storage.first = item(view, 1, PickleKind::integer, "a view of a storage has no beginning").number;
        storage.count = item(view, 2, PickleKind::integer, "a view of a storage has no count").number;
        expect(storage.first >= 0 && storage.first <= whole && storage.count <= whole - storage.first,
               "the pickle is damaged: a view of a storage reaches beyond it");
    }
    expect(storage.count >= 0 && storage.count <= int64_t{1} << 48, "the pickle is damaged: a storage has {} elements",
           storage.count);
    PickleValue made = of_kind(PickleKind::storage);
    made.number = static_cast<int64_t>(graph_.storages.size());
    graph_.storages.push_back(storage);
    push(std::move(made));
}

}  // namespace moco
