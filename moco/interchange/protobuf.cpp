// The encoding: https://protobuf.dev/programming-guides/encoding.
#include "moco/interchange/protobuf.h"

namespace moco {
namespace {

constexpr uint64_t kVarint = 0, kLengthDelimited = 2, kFourBytes = 5;

uint64_t tag(int field, uint64_t kind) {
    return static_cast<uint64_t>(field) << 3 | kind;
}

}  // namespace

void ProtobufMessage::varint(uint64_t value) {
    while (value >= 0x80) {
        text_.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    text_.push_back(static_cast<char>(value));
}

void ProtobufMessage::number(int field, int64_t value) {
    varint(tag(field, kVarint));
    varint(static_cast<uint64_t>(value));
}

void ProtobufMessage::real(int field, float value) {
    varint(tag(field, kFourBytes));
    text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void ProtobufMessage::begin(int field, uint64_t size) {
    varint(tag(field, kLengthDelimited));
    varint(size);
}

void ProtobufMessage::bytes(int field, std::string_view bytes) {
    begin(field, bytes.size());
    text_ += bytes;
}

}  // namespace moco
