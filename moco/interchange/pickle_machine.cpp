// The stack, the memo, and the opcodes of containers.
#include "moco/interchange/pickle_machine.h"

#include <cstring>

#include "moco/interchange/pickle.h"
#include "moco/interchange/pickle_opcodes.h"

namespace moco {
namespace {

constexpr size_t kMostValues = size_t{4} << 20;
constexpr int kNewestProtocol = 5;

}  // namespace

void PickleMachine::refuse(const std::string& why) const {
    fail("{}: {} (byte {} of its pickle)", path_, why, first_byte_ + opcode_place_);
}

std::string_view PickleMachine::take(uint64_t count) {
    expect(count <= bytes_.size() - place_, "the pickle is truncated or damaged: {} bytes should follow, {} do", count,
           bytes_.size() - place_);
    const std::string_view taken(reinterpret_cast<const char*>(bytes_.data()) + place_, count);
    place_ += count;
    return taken;
}

std::string_view PickleMachine::line() {
    const auto* begin = bytes_.data() + place_;
    const auto* end = place_ < bytes_.size()
                          ? static_cast<const uint8_t*>(std::memchr(begin, '\n', bytes_.size() - place_))
                          : nullptr;
    expect(end != nullptr, "the pickle is truncated or damaged: a line has no end");
    const std::string_view text = take(static_cast<size_t>(end - begin));
    ++place_;
    return text;
}

void PickleMachine::push(PickleValue value) {
    expect(graph_.values.size() < kMostValues, "the pickle holds more than {} values; no file of weights does",
           kMostValues);
    graph_.values.push_back(std::move(value));
    push_id(static_cast<PickleId>(graph_.values.size() - 1));
}

PickleId PickleMachine::top() const {
    expect(stack_.size() > (marks_.empty() ? 0 : marks_.back()), "the pickle is damaged: it takes from an empty stack");
    return stack_.back();
}

PickleId PickleMachine::pop() {
    const PickleId id = top();
    stack_.pop_back();
    return id;
}

std::vector<PickleId> PickleMachine::pop_to_mark() {
    expect(!marks_.empty(), "the pickle is damaged: it goes back to a mark that is not there");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleId> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
}

void PickleMachine::recall(uint64_t index) {
    const auto found = memo_.find(index);
    expect(found != memo_.end(), "the pickle is damaged: it asks for value {} of its memo, which is not there", index);
    push_id(found->second);
}

void PickleMachine::add_items(PickleId target, const std::vector<PickleId>& items) {
    const PickleKind kind = value(target).kind;
    expect(kind == PickleKind::list || kind == PickleKind::set || kind == PickleKind::opaque,
           "the pickle is damaged: it appends to what is no list");
    if (kind == PickleKind::opaque) return;
    value(target).items.insert(value(target).items.end(), items.begin(), items.end());
}

void PickleMachine::add_pairs(PickleId target, const std::vector<PickleId>& pairs) {
    const PickleKind kind = value(target).kind;
    expect(kind == PickleKind::dict || kind == PickleKind::opaque,
           "the pickle is damaged: it sets items of what is no dictionary");
    expect(pairs.size() % 2 == 0, "the pickle is damaged: a dictionary has a key without a value");
    if (kind == PickleKind::opaque) return;
    value(target).items.insert(value(target).items.end(), pairs.begin(), pairs.end());
}

bool PickleMachine::container(uint8_t opcode) {
    switch (opcode) {
        case kEmptyTuple:
            push(of_kind(PickleKind::tuple));
            return true;
        case kEmptyList:
            push(of_kind(PickleKind::list));
            return true;
        case kEmptyDict:
            push(of_kind(PickleKind::dict));
            return true;
        case kEmptySet:
            push(of_kind(PickleKind::set));
            return true;
        case kTuple1:
        case kTuple2:
        case kTuple3: {
            std::vector<PickleId> items(static_cast<size_t>(opcode - kTuple1) + 1);
            for (auto id = items.rbegin(); id != items.rend(); ++id) *id = pop();
            push(of_kind(PickleKind::tuple, std::move(items)));
            return true;
        }
        case kTuple:
            push(of_kind(PickleKind::tuple, pop_to_mark()));
            return true;
        case kList:
            push(of_kind(PickleKind::list, pop_to_mark()));
            return true;
        case kFrozenSet:
            push(of_kind(PickleKind::set, pop_to_mark()));
            return true;
        case kDict: {
            const std::vector<PickleId> pairs = pop_to_mark();
            push(of_kind(PickleKind::dict));
            add_pairs(top(), pairs);
            return true;
        }
        case kAppend: {
            const PickleId added = pop();
            add_items(top(), {added});
            return true;
        }
        case kAppends:
        case kAddItems: {
            const std::vector<PickleId> items = pop_to_mark();
            add_items(top(), items);
            return true;
        }
        case kSetItem: {
            const PickleId set = pop(), key = pop();
            add_pairs(top(), {key, set});
            return true;
        }
        case kSetItems: {
            const std::vector<PickleId> pairs = pop_to_mark();
            add_pairs(top(), pairs);
            return true;
        }
        default:
            return false;
    }
}

bool PickleMachine::stack_or_memo(uint8_t opcode) {
    switch (opcode) {
        case kProtocol: {
            const auto protocol = number<uint8_t>();
            expect(protocol <= kNewestProtocol, "the pickle is of protocol {}, this program reads up to {}", protocol,
                   kNewestProtocol);
            return true;
        }
        case kFrame:
            number<uint64_t>();  // a hint for readers of streams
            return true;
        case kMark:
            marks_.push_back(stack_.size());
            return true;
        case kPop:
            pop();
            return true;
        case kPopMark:
            pop_to_mark();
            return true;
        case kDup:
            push_id(top());
            return true;
        case kBinPut:
            remember(number<uint8_t>());
            return true;
        case kLongBinPut:
            remember(number<uint32_t>());
            return true;
        case kMemoize:
            remember(memo_.size());
            return true;
        case kBinGet:
            recall(number<uint8_t>());
            return true;
        case kLongBinGet:
            recall(number<uint32_t>());
            return true;
        default:
            return false;
    }
}

bool PickleMachine::object(uint8_t opcode) {
    switch (opcode) {
        case kGlobal: {
            const std::string_view module = line(), name = line();
            push_global(fmt::format("{} {}", module, name));
            return true;
        }
        case kStackGlobal: {
            const PickleId name = pop(), module = pop();
            expect(value(name).kind == PickleKind::text && value(module).kind == PickleKind::text,
                   "the pickle is damaged: a name of Python's is no text");
            push_global(fmt::format("{} {}", value(module).text, value(name).text));
            return true;
        }
        case kReduce:
            reduce();
            return true;
        case kBuild:
            build();
            return true;
        case kNewObject:
            new_object();
            return true;
        case kBinPersistentId:
            persistent_id();
            return true;
        default:
            return false;
    }
}

void PickleMachine::run() {
    while (true) {
        opcode_place_ = place_;
        const auto opcode = number<uint8_t>();
        if (opcode == kStop) break;
        const bool known =
            literal(opcode) || text_or_bytes(opcode) || container(opcode) || stack_or_memo(opcode) || object(opcode);
        expect(known, "the pickle has the opcode 0x{:02x}{}, which is not among those that files of weights need",
               opcode, opcode > 0x20 && opcode < 0x7f ? fmt::format(" ('{}')", static_cast<char>(opcode)) : "");
    }
    graph_.root = pop();
}

UnpickledPart unpickle(std::span<const uint8_t> bytes, const std::string& path, size_t first_byte) {
    PickleMachine machine(bytes, path, first_byte);
    machine.run();
    const size_t read = machine.bytes_read();
    return {machine.take_graph(), read};
}

const PickleValue* PickleGraph::find(const PickleValue& dict, std::string_view key) const {
    if (dict.kind != PickleKind::dict) return nullptr;
    const PickleValue* found = nullptr;  // of a key that is set twice, the later value
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
        const PickleValue& name = values[dict.items[i]];
        if (name.kind == PickleKind::text && name.text == key) found = &values[dict.items[i + 1]];
    }
    return found;
}

}  // namespace moco
