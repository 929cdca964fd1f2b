// Protocol buffers, written: fields of a message, one after the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moco {

class ProtobufMessage {
  public:
    void number(int field, int64_t value);
    void real(int field, float value);
    void bytes(int field, std::string_view bytes);
    void message(int field, const ProtobufMessage& message) { bytes(field, message.text_); }
    /// The beginning of a field of `size` bytes that follow.
    void begin(int field, uint64_t size);

    const std::string& text() const { return text_; }

  private:
    void varint(uint64_t value);

    std::string text_;
};

}  // namespace moco
